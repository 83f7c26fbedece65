"""The page: one HTML file that opens without a network. Without JavaScript it is a table with drawn curves."""

from __future__ import annotations

import html
import json
from importlib.resources import files
from itertools import chain, count

from ... import __version__
from ...console.escape import escape
from ...console.messages import counted
from ...errors.commands import PlotlyMissing
from ...records.record import local_time, timestamp
from ..summary import split
from ..values import headline
from . import code, curves, drawing, entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ...project import Project
    from ...records.record import Run
    from .entries import Entry, Figures

MARK = '<!doctype html>\n<html lang="en">\n<meta name="generator" content="git runs report">\n'  # each page begins so
SHOWN_FIRST = 20  # runs whose curves are shown at first
DRAWN = 40  # runs in a drawing, which nobody can take any out of
# Nothing is fetched, whatever a name or a log says: https://www.w3.org/TR/CSP3/
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
FIRST, LAST = ("name", "status", "started", "took"), ("description", "commit")  # columns, around those of the runs
UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))

# What only works with the script.
_TABLE_TOOLS = """<div class="tools scripted">
<input id="filter" type="search" placeholder="filter: words, status=failed, lr&gt;0.1, name~^exp">
<label>metrics <select id="summary"><option>last</option><option>min</option><option>max</option></select></label>
<output id="count"></output>
</div>
"""
_CURVE_TOOLS = """<div class="tools scripted">
<label>smoothing <input id="smoothing" type="range" min="0" max="10" step="0.25" value="1.5"><output></output></label>
<label><input id="log" type="checkbox"> logarithmic</label>
<button id="show-all">Show all</button> <button id="hide-all">Hide all</button>
<input id="metric-filter" type="search" placeholder="metrics" size="14">
<output id="shown"></output>
</div>
<p class="scripted note">Drag to zoom, double-click to zoom out. A run's line in the table hides and shows it;
with a double click it stands alone.</p>
"""
_COMPARISON = """<section id="compare" class="scripted">
<h2>Compare</h2>
<p class="tools"><label>from <select id="a"></select></label> <label>to <select id="b"></select></label>
<button id="swap">Swap</button></p>
<div id="differences"></div>
</section>
"""
_NO_LOG = "<p>Nothing that it printed is here.</p>"


def make(here: Project, runs: Sequence[Run], repository: str, selection: str) -> str:
    """The page of these runs, in their order, which is named after the repository and what was selected there. Raises
    PlotlyMissing, and GitFailed."""
    plotly = _plotly()
    found = entries.read(here, runs)
    head, aspect = _headline(here, found)
    keys = sorted({key for entry in found for key in entry.metrics}, key=lambda key: (key != head, key))
    drawn = [key for key in keys if any(key in entry.curves for entry in found)]
    parts = (
        f'{MARK}<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        f"<title>{_text(repository)}: {_text(selection)}</title>\n<style>\n{_own('page.css')}</style>\n<body>\n",
        _head(repository, selection, len(found)),
        _table(found, keys, aspect),
        _curves(found, drawn),
        _COMPARISON if len(found) > 1 else "",
        f'<section id="runs">\n<h2>Runs</h2>\n{"".join(map(_details, found, count()))}</section>\n',
        f'<script type="application/json" id="data">{_json(_data(here, found, drawn))}</script>\n',
        f"<script>{plotly}</script>\n<script>\n{_own('page.js')}</script>\n",
    )
    return "".join(parts)


def _headline(here: Project, found: Sequence[Entry]) -> tuple[str, str]:
    """The metric that comes first, and which of its values is shown at first."""
    key, aspect = split(headline(here.settings.metric)[0], {key for entry in found for key in entry.metrics})
    return escape(key), aspect


def _plotly() -> str:
    """plotly's JavaScript, which its Python package carries; raises PlotlyMissing."""
    try:
        from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]
    except ImportError:
        raise PlotlyMissing from None
    script: str = get_plotlyjs()
    return script.replace("</script", "<\\/script")


def _own(name: str) -> str:
    """The text of a file beside this one."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _text(text: str) -> str:
    """The text, as HTML has it, with control characters spelled out."""
    return html.escape(escape(text, keep="\n\t"))


# --- the parts of the page, in their order


def _head(repository: str, selection: str, number: int) -> str:
    now = timestamp()
    origin = f"{counted(number, 'run')}, as of {now[:10]} {now[11:16]} {now[-6:]}, by git runs {__version__}"
    return f"<header>\n<h1>{_text(repository)} <small>{_text(selection)}</small></h1>\n<p>{origin}</p>\n</header>\n"


def _table(found: Sequence[Entry], keys: Sequence[str], aspect: str) -> str:
    names = list(dict.fromkeys(chain.from_iterable(entry.params for entry in found)))
    same = [name for name in names if len(found) > 1 and len({entry.params.get(name) for entry in found}) == 1]
    params = [name for name in names if name not in same]
    shared = " ".join(f"<code>{_text(name)}={_text(found[0].params[name])}</code>" for name in same)
    groups = (("run", 5), ("parameters", len(params)), ("metrics", len(keys)), ("", 2))
    titles = (*(("", title) for title in FIRST), *(("param", x) for x in params), *(("metric", x) for x in keys))
    heads = "".join(f'<th scope="col" class="{kind}" data-key="{_text(x)}">{_text(x)}</th>' for kind, x in titles)
    last = "".join(f'<th scope="col" data-key="{title}">{title}</th>' for title in LAST)
    return (
        f'<section id="table">\n{_TABLE_TOOLS.replace(f"<option>{aspect}", f"<option selected>{aspect}")}'
        + (f"<p>The same in all of them: {shared}</p>\n" if shared else "")
        + '<div class="scroll"><table>\n<thead><tr class="groups">'
        + "".join(f'<th scope="colgroup" colspan="{width}">{title}</th>' for title, width in groups if width)
        + f'</tr>\n<tr class="keys"><th></th>{heads}{last}</tr></thead>\n<tbody>\n'
        + "".join(_row(entry, number, params, keys) for number, entry in enumerate(found))
        + "</tbody>\n</table></div>\n</section>\n"
    )


def _row(entry: Entry, number: int, params: Sequence[str], keys: Sequence[str]) -> str:
    subject = entry.description.partition("\n")[0]
    cells = (
        f'<td class="look">{drawing.swatch(entry.style)}</td>',
        f'<th scope="row"><a href="#run-{number}">{_text(entry.name)}</a></th>',
        f'<td class="{_text(entry.status)}" title="{_text(entry.ending)}">{_text(entry.status)}</td>',
        f'<td data-sort="{entry.start or ""}">{_minute(entry.start)}</td>',
        f'<td data-sort="{"" if entry.took is None else entry.took}">{_span(entry.took)}</td>',
        *(_param(entry.params.get(name, "")) for name in params),
        *(_metric(entry.metrics.get(key)) for key in keys),
        f'<td title="{_text(entry.description)}">{_text(subject)}</td>',
        f'<td title="{_text(entry.commit)}"><code>{_text(entry.commit[:10])}</code></td>',
    )
    return f'<tr data-run="{number}">{"".join(cells)}</tr>\n'


def _param(value: str) -> str:
    return f'<td class="param" title="{_text(value)}">{_text(value)}</td>'


def _metric(summary: Figures | None) -> str:
    if summary is None:
        return '<td class="metric"></td>'
    return f'<td class="metric" data-min="{summary.lowest}" data-max="{summary.highest}">{summary.last}</td>'


def _minute(moment: float | None) -> str:
    return "" if moment is None else str(local_time(timestamp(moment)))[:16].replace("T", " ")


def _span(seconds: float | None) -> str:
    """A span of time: 9 s, 2 min 5 s, 3 h 20 min, 4 d 1 h."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.3g} s"
    larger = next(place for place, (_, size) in enumerate(UNITS) if seconds >= size)
    (unit, size), (lower, small) = UNITS[larger], UNITS[larger + 1]
    return f"{seconds // size:.0f} {unit} {seconds % size // small:.0f} {lower}"


def _curves(found: Sequence[Entry], keys: Sequence[str]) -> str:
    buckets = drawing.room(sum(len(entry.curves) for entry in found[:DRAWN]))
    figures = "".join(_figure(number, key, found, buckets) for number, key in enumerate(keys))
    if not figures:
        return ""
    note = f'<p class="still">Drawn are the first {DRAWN} runs.</p>\n' if len(found) > DRAWN else ""
    return (
        f'<section id="curves">\n<h2>Curves</h2>\n{_CURVE_TOOLS}{note}'
        f'<div class="figures">\n{figures}</div>\n</section>\n'
    )


def _figure(number: int, key: str, found: Sequence[Entry], buckets: int) -> str:
    """A metric; "" where no run has more than one value of it, which are in the table."""
    if all(len(entry.curves[key].buckets) < 2 for entry in found if key in entry.curves):
        return ""
    drawn = {entry.style: entry for entry in found[:DRAWN] if key in entry.curves}
    picture = drawing.draw(
        {style: entry.curves[key] for style, entry in drawn.items()},
        {style: entry.name for style, entry in drawn.items()},
        buckets,
    )
    caption = f"<figcaption>{_text(key)}</figcaption>"
    return f'<figure data-curves="{number}">{caption}<div class="plot">{picture}</div></figure>\n'


def _details(entry: Entry, number: int) -> str:
    base = f" (a snapshot on top of {_text(entry.base[:10])})" if entry.base else ""
    dirty = " (with uncommitted changes, which nothing keeps)" if entry.is_dirty else ""
    facts = (
        ("Status", _text(entry.ending)),
        ("Started", _minute(entry.start)),
        ("Took", _span(entry.took)),
        ("Host", _text(entry.host)),
        ("Commit", f"<code>{_text(entry.commit)}</code>{base}{dirty}"),
        ("Command", f"<code>{_text(entry.command)}</code>"),
        ("Parameters", " ".join(f"<code>{_text(x)}={_text(value)}</code>" for x, value in entry.params.items())),
        ("Description", _text(entry.description)),
    )
    listed = "".join(f"<dt>{title}</dt><dd>{value}</dd>" for title, value in facts if value)
    name = f"{drawing.swatch(entry.style)} {_text(entry.name)}"
    log = f"<h3>The end of its log</h3><pre>\n{_text(entry.log)}</pre>" if entry.log else _NO_LOG
    return f'<details id="run-{number}"><summary>{name}</summary><dl>{listed}</dl>{log}</details>\n'


# --- what the page's script takes


def _data(here: Project, found: Sequence[Entry], keys: Sequence[str]) -> dict[str, Any]:
    return {
        "runs": [_run(entry) for entry in found],
        "curves": [
            {"key": key, "runs": [[n, curves.packed(e.curves[key])] for n, e in enumerate(found) if key in e.curves]}
            for key in keys
        ],
        "code": code.compared(dict.fromkeys(entry.commit for entry in found), here.repository.git_dir),
        "shown": SHOWN_FIRST,
    }


def _run(entry: Entry) -> dict[str, Any]:
    color, dashes = drawing.look(entry.style)
    return {
        "name": entry.name,
        "command": entry.command,
        "params": list(entry.params.items()),
        "commit": entry.commit,
        "dirty": entry.is_dirty,
        "color": color,
        "dash": ",".join(f"{length}px" for length in dashes.split()) or "solid",
    }


def _json(data: object) -> str:
    """JSON that no tag and no comment in it can end: HTML, 13.1.3, "Restrictions on the contents of raw text"."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
