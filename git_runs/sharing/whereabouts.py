"""Where a run of another place has its outputs: on which host, in which runs dir, under which name."""

from __future__ import annotations

import os
import uuid

from .. import launchers
from ..config import hosts
from ..config.values import AWAY
from ..errors.sharing import HereAlready, NotFoundThere, PlaceUnknown
from ..records.outputs import Outputs
from ..records.record import is_name
from ..results.sources.source import tensorboard_of
from ..system import programs, ssh, whoami
from ..system.git import config
from .shared import is_identifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..project import Project
    from ..records.record import Record, Run

# Given lines: the run's id, its name here, a file that only this runs dir has, its TensorBoard directory and its
# checkpoints if they lie elsewhere than in the runs dir, and the runs dirs that may have it. Says of the first that has
# the run: the runs dir, the run's name there, "same" if that is ours, and what and where its outputs are.
FIND = """\
read -r id; read -r called; IFS= read -r mark; IFS= read -r tensorboard; IFS= read -r checkpoints; \
while IFS= read -r root; do cd "$root/records" 2>/dev/null || continue; \
file="./$called.yml"; grep -qsx "id: $id" "$file" || file=$(grep -rlsx "id: $id" . | grep "[.]yml$" | head -n 1); \
[ "$file" ] || continue; name=${file#./}; name=${name%.yml}; \
is_ours=; [ ! -e "../$mark" ] || is_ours=same; printf "%s\\n" "$root" "$name" "$is_ours"; \
for path in "${tensorboard:-$root/tensorboard/$name}" "${checkpoints:-$root/checkpoints/$name}" \
"$root/logs/$name.log"; do if [ -d "$path" ]; then kind=directory; elif [ -f "$path" ]; then kind=file; \
else kind=nothing; fi; printf "%s\\n" "$kind $path"; done; exit 0; done; exit 3"""


class Whereabouts:
    """Where the outputs of a run are."""

    def __init__(self, host: str | None, address: str | None, paths: dict[str, str]) -> None:
        self.host = host  # as the record has it; None: this one
        self.address = address  # for ssh; None: no ssh is needed
        self.paths = paths  # absolute, by kind, as far as there are any; that of a directory ends with "/"


def host_of(fields: Record) -> str:
    """The host that a run of another one is on, by the name that a person has for it, or else by its own."""
    launcher = launchers.name_of(fields) or ""
    return launcher[len(AWAY) :] if launcher.startswith(AWAY) else fields.text("host")


def address_of(fields: Record) -> str | None:
    """What ssh is to be given for that host; None where it is this one."""
    host = host_of(fields)
    if host in ("", whoami.hostname()) and not launchers.is_away(fields):
        return None
    return config.value(hosts.setting(host, "address")) or host


def find(project: Project, run: Run) -> Whereabouts:
    """Ask the host of the run.

    Raises HereAlready, PlaceUnknown, NotFoundThere, and what ssh raises.
    """
    fields, root = run.record, project.store.root
    roots = _runs_dirs(fields)
    is_of_here = fields.is_local or (launchers.is_scheduled(fields) and not launchers.is_away(fields))
    if is_of_here and not fields.is_elsewhere and (root in roots or not roots):
        raise HereAlready(run.name)
    _check(run, roots)
    mark = f"{uuid.uuid4()}.{os.getpid()}.tmp.lock"  # as temporary files are called
    with open(os.path.join(root, mark), "x"):
        pass
    try:
        return _ask(run, roots, mark)
    finally:
        os.unlink(os.path.join(root, mark))


def expected(run: Run) -> Whereabouts:
    """Where its outputs were, as its record has it, without asking anybody. Raises PlaceUnknown."""
    fields = run.record
    roots = _runs_dirs(fields)
    _check(run, roots)
    outputs, (tensorboard, checkpoints) = Outputs(roots[0]), _elsewhere(run, roots[0])
    paths = {
        "tensorboard": tensorboard or outputs.tensorboard(run.name),
        "checkpoints": checkpoints or outputs.checkpoints(run.name),
        "logs": outputs.log(run.name),
    }
    return Whereabouts(host_of(fields), address_of(fields), paths)


def _runs_dirs(fields: Record) -> list[str]:
    """The runs dir that the run was started in, or, where an older git runs has started it, that which is there if no
    setting said otherwise."""
    top = fields.text("top")
    found = fields.text("runs-dir") or (os.path.join(top, ".runs") if top else "")
    return [found] if os.path.isabs(found) and "\n" not in found else []


def _check(run: Run, roots: list[str]) -> None:
    """Raises PlaceUnknown where the record does not say what a run there is known by, and where that is."""
    if not roots or not is_identifier(run.record.text("id")):
        raise PlaceUnknown(run.name, run.record.text("host"))


def _ask(run: Run, roots: list[str], mark: str) -> Whereabouts:
    fields = run.record
    host, address, identifier = host_of(fields), address_of(fields), fields.text("id")
    lines = [identifier, run.name, mark, *_elsewhere(run, roots[0]), *roots]
    given = "".join(line.replace("\n", "") + "\n" for line in lines).encode(errors="surrogateescape")
    if address:
        answer = ssh.ask(address, FIND, given)
        code, said = answer.code, answer.out.decode(errors="surrogateescape")
    else:
        code, said, _ = programs.run_within(["sh", "-c", FIND], ssh.PATIENCE, given.decode(), os.environ)
    if code:
        raise NotFoundThere(run.name, host, roots[0])
    root, name, same, *found = said.split("\n")[:6]
    if root not in roots or not is_name(name) or len(found) != 3:
        raise NotFoundThere(run.name, host, roots[0])
    paths = {}
    for kind, line in zip(("tensorboard", "checkpoints", "logs"), found, strict=True):
        what, _, path = line.partition(" ")
        if what == "file" or (what == "directory" and kind != "logs"):
            paths[kind] = f"{path}/" if what == "directory" else path
    if same and paths:
        raise HereAlready(run.name)
    return Whereabouts(host if address else None, address, paths)


def _elsewhere(run: Run, root: str) -> list[str]:
    """Its TensorBoard directory and its checkpoints there, where a setting had them elsewhere than is usual, or ""."""
    outputs = Outputs(root)
    names = (run.name, run.record.text("launched-as") or run.name)
    saved = _save_path(run.record).replace("<runs-dir>", root).replace("<run-name>", names[1])
    places = ((tensorboard_of(outputs, run.name, run.record), outputs.tensorboard), (saved, outputs.checkpoints))
    return [path if os.path.isabs(path) and path not in map(usual, names) else "" for path, usual in places]


def _save_path(fields: Record) -> str:
    """What is its own of the path for its checkpoints, with placeholders; "" where nothing is, or is known to be."""
    settings = fields.get("settings")
    saved = settings.get("save-path") if isinstance(settings, dict) else None
    own = [path for path in (os.path.dirname(str(saved)), str(saved)) if "<run-name>" in path]
    return own[0] if own else ""
