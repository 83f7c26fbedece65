# Everything that is installed goes into .venv; only tmux, bwrap and the browser that tests use come from the system's
# package manager.
PYTHON ?= python3
BIN := .venv/bin
BUILT_BY = $(shell sed -n 's/^requires = \[\(.*\)\]/\1/p' pyproject.toml | tr -d ,)
SOURCES := setup.cfg setup.py pyproject.toml README.md bin/git-runs \
	$(shell find git_runs man $(wildcard completion) -name '*.py' -o -name '*.md' -o -name '*git-runs*' -o -name '*.css' -o -name '*.js')

.PHONY: demo test site picture faults lint format bench bench-peers clean programs programs-of-tests

## demo: set everything up, and run the main job: two real training runs, from start to reproduction
demo: $(BIN)/git-runs programs
	PATH="$(CURDIR)/$(BIN):$$PATH" demo/demo

## test: set everything up, and pass the tests
test: .venv/dev $(BIN)/git-runs programs programs-of-tests
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n 4 --dist worksteal

## faults: break things on purpose, in full; takes hours
faults: .venv/dev $(BIN)/git-runs programs
	PATH="$(CURDIR)/$(BIN):$$PATH" RUNS_FAULTS=full $(BIN)/python -m pytest -n 4 --dist worksteal \
		tests/faults tests/sharing/test_walk.py tests/sharing/test_killed.py tests/code/test_messy_trees.py

## lint: types, style and formatting
lint: .venv/dev $(BIN)/git-runs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

## format: put all files into shape
format: .venv/dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

## site: build the documentation site into site/
site: .venv/dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

## picture: make the terminal picture of the README anew
picture: .venv/dev $(BIN)/git-runs programs
	$(BIN)/python tools/picture.py docs/tour.svg

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

programs-of-tests: programs
	@tools/ensure-programs --for-tests

clean:
	rm -rf .venv build site *.egg-info

.venv/pip:
	$(PYTHON) -m venv .venv
	touch $@

# The package itself, as a user installs it: not editable, so that it is tested and measured as it will be used. What
# builds it, pandoc included, is not fetched each time.
$(BIN)/git-runs: .venv/pip .venv/build $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation .
	rm -rf build *.egg-info
	touch $@

.venv/build: .venv/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(BUILT_BY)
	touch $@

.venv/dev: .venv/pip tools/dev-requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement tools/dev-requirements.txt
	touch $@
