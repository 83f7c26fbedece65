# Everything that is installed goes into .venv; only tmux and bwrap come from the system's package manager.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := setup.cfg pyproject.toml README.md bin/git-runs $(shell find git_runs man -name '*.py' -o -name '*.1')

.PHONY: demo test faults lint format bench bench-peers clean programs

## demo: set everything up, and run the main job: two real training runs, from start to reproduction
demo: $(BIN)/git-runs programs
	PATH="$(CURDIR)/$(BIN):$$PATH" demo/demo

## test: set everything up, and pass the tests
test: .venv/dev $(BIN)/git-runs programs
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n 4

## faults: break things on purpose, in full; takes about an hour
faults: .venv/dev $(BIN)/git-runs programs
	PATH="$(CURDIR)/$(BIN):$$PATH" RUNS_FAULTS=full $(BIN)/python -m pytest -n 4 tests/faults

## lint: types, style and formatting
lint: .venv/dev $(BIN)/git-runs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

## format: put all files into shape
format: .venv/dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

## bench: measure, and print one table; SIZES="10 1000": with so many runs; BENCH_DATA=DIR: keep them there;
## BENCH="--only list table --rounds 21": further options, told by BENCH=-h
bench: .venv/dev $(BIN)/git-runs programs
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks $(if $(SIZES),--sizes $(SIZES)) \
		$(if $(BENCH_DATA),--data "$(BENCH_DATA)") $(BENCH)

## bench-peers: install what others use, each in an environment of its own, and measure the same work
bench-peers: .venv/dev $(BIN)/git-runs programs
	$(BIN)/python -m benchmarks.peers.install
	$(MAKE) bench BENCH="--only list table lookup new peers $(BENCH)"

programs:
	@tools/ensure-programs

clean:
	rm -rf .venv build *.egg-info

.venv/pip:
	$(PYTHON) -m venv .venv
	touch $@

# The package itself, as a user installs it: not editable, so that it is tested and measured as it will be used.
$(BIN)/git-runs: .venv/pip $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check .
	rm -rf build *.egg-info
	touch $@

.venv/dev: .venv/pip tools/dev-requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement tools/dev-requirements.txt
	touch $@
