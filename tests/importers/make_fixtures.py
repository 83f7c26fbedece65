"""Make the folders of `fixtures` anew, by the tools themselves: needs the network.

    python -m tests.importers.make_fixtures [TOOL...]

Each tool is installed, in the version below, into an environment of its own in TOOLS, and used in the repository that
tests/old_tool/repository.py makes, at PROJECT and with few variables, so that what it notes is the same everywhere.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.old_tool.repository import commit, git, make_repository

FIXTURES = Path(__file__).with_name("fixtures")
TOOLS, PROJECT = Path("/tmp/tools"), Path("/tmp/project")
VERSIONS = {
    "lab-notebook": "3.3.3",
    "lab-notebook-3.2": "3.2.1",
    "guild": "0.9.0",
    "mlflow": "3.17.2",
    "dvc": "3.67.1",
    "exptrack": "2.1.0",
    "wandb": "0.31.0",
}
PACKAGES = {"guild": "guildai", "lab-notebook-3.2": "lab-notebook"}
# What version 3.2 of lab-notebook needs, since what it asks for cannot be installed any more, and yaml.load as it was.
ALSO = {"lab-notebook-3.2": ["anytree", "PyYAML", "tabulate", "termcolor"]}
OLD_YAML = "import yaml\nload = yaml.load\nyaml.load = lambda text: load(text, yaml.Loader)\n"

TRAIN = """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--layers", type=int, default=2)
args = parser.parse_args()
for step in range(3):
    print(f"step: {step}")
    print(f"loss: {args.lr / (step + 1)}")
with open("model.txt", "w") as file:
    file.write("weights\\n")
if args.layers > 2:
    raise SystemExit(3)
"""

MLFLOW = """\
import sys
import mlflow

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("xor")
for lr in (0.1, 0.5):
    with mlflow.start_run(run_name=f"try {lr}", description="Does it help?", tags={"model": "mlp", "good": ""}):
        mlflow.log_params({"lr": lr, "layers": 2})
        for step in range(3):
            mlflow.log_metric("loss", lr / (step + 1), step=step)
        mlflow.log_metric("val/acc", 0.9)
        mlflow.log_text("weights", "model.txt")
try:
    with mlflow.start_run(run_name="broken"):
        raise KeyError
except KeyError:
    pass
with mlflow.start_run(run_name="deleted") as run:
    pass
mlflow.delete_run(run.info.run_id)
"""

EXPTRACK = """\
from exptrack import Experiment

for lr in (0.1, 0.5):
    with Experiment(name=f"try {lr}", params={"lr": lr, "model": {"layers": 2}}, tags=["good"]) as experiment:
        experiment.add_note("Does it help?")
        for step in range(3):
            experiment.log_metric("loss", lr / (step + 1), step=step)
        with open(experiment.save_output("model.txt"), "w") as file:
            file.write("weights")
try:
    with Experiment(name="broken"):
        raise KeyError
except KeyError:
    pass
"""

WANDB = """\
import wandb

for lr in (0.1, 0.5):
    config = {"lr": lr, "model": {"layers": 2}}
    run = wandb.init(mode="offline", project="xor", name=f"try {lr}", notes="Why?", tags=["good"], config=config)
    for step in range(3):
        run.log({"loss": lr / (step + 1), "val/acc": 0.9, "text": "x" * int(2000 / lr)})
    run.summary["best"] = 3
    with open(run.dir + "/model.txt", "w") as file:
        file.write("weights")
    run.finish(exit_code=0 if lr < 0.3 else 1)
"""

PIPELINE = """\
stages:
  train:
    cmd: python3 train.py
    deps: [train.py]
    params: [lr, model]
    outs: [model.txt]
    metrics: [kept.json]
metrics:
- metrics.json
"""
DVC_TRAIN = """\
import json

import yaml

with open("params.yaml") as file:
    params = yaml.safe_load(file)
for path, values in {"metrics.json": {"loss": params["lr"] / 3, "val": {"acc": 0.9}}, "kept.json": {"f1": 0.8}}.items():
    with open(path, "w") as file:
        json.dump(values, file)
with open("model.txt", "w") as file:
    file.write("weights\\n")
"""


def main(tools: list[str]) -> None:
    """Those tools, or all."""
    for tool in tools or VERSIONS:
        shutil.rmtree(PROJECT, ignore_errors=True)
        shutil.rmtree(FIXTURES / tool, ignore_errors=True)
        make_project(PROJECT)
        install(tool)
        (FIXTURES / tool).mkdir(parents=True)
        MAKERS[tool](FIXTURES / tool)
    shutil.rmtree(PROJECT)


def make_project(top: Path) -> str:
    """The repository that the tools are used in, the same each time; gives the commit that they ran."""
    make_repository(top)
    (top / "xor.py").write_text(TRAIN)
    return commit(top, "Learn XOR by itself", 3)


def install(tool: str) -> None:
    """Into its own environment, unless it is there."""
    place = TOOLS / tool
    if not place.exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        pip = [str(place / "bin/python"), "-m", "pip", "install", "-q"]
        package = f"{PACKAGES.get(tool, tool)}=={VERSIONS[tool]}"
        subprocess.run([*pip, *(["--no-deps"] if tool in ALSO else []), package], check=True)
        if tool in ALSO:
            subprocess.run([*pip, *ALSO[tool]], check=True)
            (site,) = place.glob("lib/python*/site-packages")
            (site / "sitecustomize.py").write_text(OLD_YAML)


def use(tool: str, *words: str, fails: bool = False, **variables: str) -> None:
    """Run a program of the tool's environment in the project, with few variables of our own."""
    environment = {
        **{name: os.environ[name] for name in os.environ if name.lower().endswith("_proxy")},
        "PATH": f"{TOOLS / tool / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(PROJECT / ".home"),
        "USER": "ann",
        "LC_ALL": "C.UTF-8",
        **{f"GIT_{role}_{what}": "old@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        **variables,
    }
    (PROJECT / ".home").mkdir(exist_ok=True)
    result = subprocess.run([TOOLS / tool / "bin" / words[0], *words[1:]], cwd=PROJECT, env=environment, check=False)
    assert fails or result.returncode == 0, words


def exclude(*names: str) -> None:
    """Have git pass them by, so that nothing is uncommitted."""
    (PROJECT / ".git/info/exclude").write_text("".join(f"{name}\n" for name in (".home", "model.txt", *names)))


def make_lab_notebook(target: Path) -> None:
    """SQLite."""
    exclude(".runs", "runs.db", ".runsrc")
    settings = f"root: {PROJECT}/.runs\ndb_path: {PROJECT}/runs.db\ndir_names: tensorboard\n\tmodels\n"
    (PROJECT / ".runsrc").write_text(f"[main]\n{settings}flags: --tb-dir={PROJECT}/.runs/tensorboard/<path>\n")
    notebook(
        "lab-notebook", "-y", "--path", "exp/try", "--command", "python3 xor.py --lr=0.5", "--description=Does it help?"
    )
    notebook("lab-notebook", "-y", "--path", "other", "--command", "python3 xor.py", "--description=commit-message")
    for run in ("exp/try", "other"):
        (PROJECT / ".runs/models" / run / "model.txt").write_text("weights\n")
        (PROJECT / ".runs/tensorboard" / run / "metrics.csv").write_text("step,loss\n0,0.5\n1,0.25\n")
    for name in ("runs.db", ".runsrc", ".runs"):
        keep(name, target)


def make_lab_notebook_3_2(target: Path) -> None:
    """A tree in YAML."""
    exclude(".runs", "runs.yml", ".runsrc")
    (PROJECT / ".runsrc").write_text(
        f"[main]\nroot = {PROJECT}/.runs\ndb_path = {PROJECT}/runs.yml\ndir_names = models\n"
    )
    tool = "lab-notebook-3.2"
    notebook(tool, "exp/try", "python3 xor.py --lr=0.5", "--description=Does it help?", "-y")
    notebook(tool, "other", "python3 xor.py", "--description=other", "-y")
    for name in ("runs.yml", ".runsrc"):
        keep(name, target)


def notebook(tool: str, *words: str) -> None:
    """A run of lab-notebook, in a tmux server that ends at once: the command need not run."""
    arguments = (words[0], "new", *words[1:]) if words[0] == "-y" else ("new", *words)
    use(tool, "runs", *arguments, TMUX_TMPDIR=str(PROJECT / ".home"))
    socket = {**os.environ, "TMUX_TMPDIR": str(PROJECT / ".home")}
    subprocess.run(["tmux", "kill-server"], env=socket, check=True)


def make_guild(target: Path) -> None:
    """A run that someone named, two of a batch, and one that failed."""
    exclude(".guild")
    home = str(PROJECT / ".guild")
    (PROJECT / ".guild").mkdir()
    use("guild", "guild", "run", "-y", "xor.py", "lr=0.5", "--label", "first try", "--tag", "good", GUILD_HOME=home)
    use("guild", "guild", "run", "-y", "xor.py", "lr=[0.1,0.2]", "--keep-batch", GUILD_HOME=home)
    use("guild", "guild", "run", "-y", "xor.py", "layers=3", fails=True, GUILD_HOME=home)
    use("guild", "guild", "run", "-y", "--stage", "xor.py", GUILD_HOME=home)
    keep(".guild/runs", target)
    of_the_code = ("xor.py", "train.py", "day", "manifest", "output.index", "sourcecode_digest")
    of_the_machine = ("pip_freeze", "platform", "plugins", "run_params", "op", "user_flags", "deps", "env")
    for name in (*of_the_code, *of_the_machine):
        for path in target.rglob(name):
            path.unlink()


def make_mlflow(target: Path) -> None:
    """A file store, and SQLite with its artifacts."""
    (PROJECT / "ml.py").write_text(MLFLOW)
    exclude("mlruns", "mlflow.db", "ml.py")
    use("mlflow", "python", "ml.py", f"file:{PROJECT}/mlruns", MLFLOW_ALLOW_FILE_STORE="true")
    keep("mlruns", target)
    shutil.rmtree(PROJECT / "mlruns")
    use("mlflow", "python", "ml.py", f"sqlite:///{PROJECT}/mlflow.db")
    (target / "mlflow.db.gz").write_bytes(gzip.compress((PROJECT / "mlflow.db").read_bytes(), mtime=0))
    shutil.copytree(PROJECT / "mlruns", target / "of-database")


def make_dvc(target: Path) -> None:
    """The repository as a bundle, and the cache."""
    (PROJECT / "train.py").write_text(DVC_TRAIN)
    (PROJECT / "params.yaml").write_text("lr: 0.1\nmodel:\n  layers: 2\n")
    (PROJECT / "dvc.yaml").write_text(PIPELINE)
    exclude()
    use("dvc", "dvc", "init", "-q")
    use("dvc", "dvc", "config", "core.analytics", "false")
    git(PROJECT, "add", ".")
    git(PROJECT, "commit", "-q", "-m", "Learn XOR by a pipeline")
    use("dvc", "dvc", "exp", "run", "-q", "-n", "try", "-S", "lr=0.5")
    use("dvc", "dvc", "exp", "run", "-q", "-n", "other", "-S", "lr=0.2", "-m", "Does it help?")
    git(PROJECT, "bundle", "create", "-q", str(target / "repository.bundle"), "--all")
    keep(".dvc/cache/files", target)


def make_exptrack(target: Path) -> None:
    """By its interface for programs, and by its command."""
    (PROJECT / "work.py").write_text(EXPTRACK)
    use("exptrack", "exptrack", "init")
    git(PROJECT, "checkout", "-q", ".gitignore")
    exclude(".exptrack", "outputs", "work.py")
    use("exptrack", "python", "work.py")
    use("exptrack", "exptrack", "run", "xor.py", "--lr", "0.3")
    for name in (".exptrack/experiments.db", "outputs"):
        keep(name, target)


def make_wandb(target: Path) -> None:
    """Offline."""
    (PROJECT / "wb.py").write_text(WANDB)
    exclude("wandb", "wb.py")
    use("wandb", "python", "wb.py", WANDB__DISABLE_STATS="true")
    keep("wandb", target)
    for path in [*target.rglob("*.log"), *target.rglob("requirements.txt"), *target.rglob("latest-run")]:
        path.unlink()


def keep(name: str, target: Path) -> None:
    """Copy what the tool left there; names begin with `dot-` in place of a dot."""
    source, place = PROJECT / name, target / (f"dot-{name[1:]}" if name.startswith(".") else name)
    place.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, place, symlinks=True)
    else:
        shutil.copy(source, place)


MAKERS: dict[str, Callable[[Path], None]] = {
    "lab-notebook": make_lab_notebook,
    "lab-notebook-3.2": make_lab_notebook_3_2,
    "guild": make_guild,
    "mlflow": make_mlflow,
    "dvc": make_dvc,
    "exptrack": make_exptrack,
    "wandb": make_wandb,
}

if __name__ == "__main__":
    main(sys.argv[1:])
