"""`git runs report`: a page about runs, opened in a real browser, from disk and without a network."""

from __future__ import annotations

import json
import math
import random
import re
import shutil
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import Repository

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = "</script><script>document.title='taken'</script><!-- <b title=\"x\" onclick='x'> 😀 & \x1b[31m\x07"
SHOWN = "</script><script>document.title='taken'</script><!-- <b title=\"x\" onclick='x'> 😀 & \\x1b[31m\\x07"
STEPS = 30


@pytest.fixture
def trained(repo: Repository, tmp_path: Path) -> Repository:
    """With four runs, of two commits: their parameters, metrics and logs are others."""
    first = repo.git("rev-parse", "HEAD").strip()
    second = repo.commit("train.py", "import sys\nprint('second', *sys.argv[1:], sep='\\n')\n", "second model")
    runs = {
        "lr1": _run("python train.py --lr=0.1 --epochs=3", first, 1),
        "lr2": _run("python train.py --lr=0.02 --epochs=3", second, 2),
        "lr10": _run("python train.py --lr=10 --epochs=3", second, 3, status="failed"),
        "odd": _run(f"python train.py --note '{HOSTILE}' --epochs=3", second, 4, description=HOSTILE),
    }
    database = tmp_path / "runs.yml"
    database.write_text(yaml.safe_dump(runs))
    repo.ok("import", str(database))
    for number, name in enumerate(runs):
        rows = [f"{step},{(number + 1) / (step + 1)},{math.sin(step) + number}" for step in range(STEPS)]
        _write(repo.path / f".runs/tensorboard/{name}/metrics.csv", "\n".join(["step,loss,acc", *rows, ""]))
        _write(repo.path / f".runs/logs/{name}.log", f"first\r\n 10%\r100%\r\n\x1b[32mend of {name}\x1b[0m\r\n")
    _write(repo.path / ".runs/tensorboard/odd/metrics.csv", f"step,loss,{json.dumps(HOSTILE[:40])}\n0,inf,1\n1,nan,2\n")
    _write(repo.path / ".runs/logs/odd.log", HOSTILE)
    return repo


def _run(command: str, commit: str, day: int, **more: str) -> dict[str, str]:
    start, end = (f"2026-11-0{day}T{hour}:00:00+00:00" for hour in (10, 12))
    fixed = {"command": command, "input-command": command, "commit": commit, "datetime": start, "finished": end}
    return {"id": f"{day:08}-0000-4000-8000-000000000000", "status": "finished", **fixed, **more}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("there is no Chromium here")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"]
        )


@pytest.fixture
def opened(browser: Browser, trained: Repository) -> Iterator[Callable[..., Page]]:
    """Makes a report, and opens it; no script may fail in it, and nothing be asked of a network."""
    failures: list[str] = []

    def open_page(*patterns: str, **options: Any) -> Page:
        trained.ok("report", *patterns)
        page = browser.new_context(offline=True, viewport={"width": 1300, "height": 1600}, **options).new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda message: failures.append(message.text))
        page.on("request", lambda request: failures.append(request.url) if request.url.startswith("http") else None)
        page.goto((trained.path / ".runs/report.html").as_uri())
        return page

    yield open_page
    assert failures == []


def _names(page: Page) -> list[str]:
    return page.locator("#table tbody tr:visible th").all_inner_texts()


# --- in a browser


def test_the_table_is_sorted_and_filtered(opened: Callable[..., Page]) -> None:
    page = opened()
    assert page.title() == "repo: all runs"
    assert _names(page) == ["odd", "lr10", "lr2", "lr1"]
    assert "epochs=3" in page.locator("#table > p").inner_text()  # and no column
    for key, up, down in [
        ("lr", ["lr2", "lr1", "lr10", "odd"], ["lr10", "lr1", "lr2", "odd"]),  # as numbers; what is missing comes last
        ("name", ["lr1", "lr2", "lr10", "odd"], ["odd", "lr10", "lr2", "lr1"]),
        ("loss", ["lr1", "lr2", "lr10", "odd"], ["lr10", "lr2", "lr1", "odd"]),  # nan
    ]:
        button = page.locator("thead button", has_text=re.compile(f"^{key}$"))
        button.click()
        assert _names(page) == up
        button.click()
        assert _names(page) == down
    page.locator("#summary").select_option("max")
    cell = page.locator("tr", has=page.locator("a", has_text="odd")).locator(".metric").last
    assert cell.inner_text() == "inf"
    for words, names in [
        ("LR10", ["lr10"]),
        ("lr<=0.1", ["lr2", "lr1"]),
        ("status!=failed name~^lr", ["lr2", "lr1"]),
        ("loss=inf", ["odd"]),
        ("name~(", ["odd", "lr10", "lr2", "lr1"]),
        ("no such", []),
    ]:
        page.locator("#filter").fill(words)
        assert sorted(_names(page)) == sorted(names), words


def test_curves_zoom_smooth_and_hide(opened: Callable[..., Page]) -> None:
    page = opened()
    figure = page.locator("figure", has=page.get_by_text("acc", exact=True))
    figure.scroll_into_view_if_needed()
    figure.locator(".js-plotly-plot").wait_for()

    def plotted() -> list[dict[str, Any]]:
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        found: list[dict[str, Any]] = figure.locator(".plot").evaluate(
            "plot => plot.data.map(({name, y, opacity, line}) => ({name, y: [...y], opacity, line}))"
        )
        return found

    buttons = figure.locator(".modebar-btn").evaluate_all("buttons => buttons.map(button => button.dataset.title)")
    assert buttons == ["Download plot", "Zoom", "Pan", "Reset axes"]  # and none that uploads

    faint, smooth = plotted()[:3], plotted()[3:]
    assert [line["name"] for line in faint] == [line["name"] for line in smooth] == ["lr10", "lr2", "lr1"]
    assert all(line["opacity"] < 0.5 for line in faint)
    assert len({(line["line"]["color"], line["line"]["dash"]) for line in smooth}) == 3
    page.locator("#smoothing").fill("10")
    spans = [max(line["y"]) - min(line["y"]) for line in (smooth[0], plotted()[3])]
    assert spans[1] < 0.6 * spans[0]
    page.locator("#smoothing").fill("0")
    assert [line["y"] for line in plotted()] == [line["y"] for line in faint]

    seen = figure.screenshot()
    row = page.locator("tr", has=page.get_by_text("lr2", exact=True))
    row.locator("input").click()
    assert [line["name"] for line in plotted()] == ["lr10", "lr1"]
    assert figure.screenshot() != seen
    row.locator("label").dblclick()
    assert [line["name"] for line in plotted()] == ["lr2"]
    page.locator("#hide-all").click()
    assert plotted() == []
    page.locator("#show-all").click()
    page.locator("#filter").fill("lr=10")
    assert [line["name"] for line in plotted()] == ["lr10"]
    page.locator("#filter").fill("")

    box = figure.locator(".nsewdrag").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 100, y, steps=5)
    page.mouse.up()
    zoomed = figure.locator(".plot").evaluate("plot => plot.layout.xaxis.range")
    assert 12 < zoomed[0] < zoomed[1] < 25
    page.locator("#log").click()
    plotted()
    assert figure.locator(".plot").evaluate("plot => plot.layout.yaxis.type") == "log"


def test_any_two_runs_are_compared(opened: Callable[..., Page]) -> None:
    page = opened()
    page.locator("#a").select_option("lr1")
    page.locator("#b").select_option("lr10")
    assert page.locator("#differences .code").all_inner_texts() == [
        "- python train.py --lr=0.1 --epochs=3\n+ python train.py --lr=10 --epochs=3",
        "@@ -1 +1 @@\n import sys\n-print(*sys.argv[1:], sep='\\n')\n+print('second', *sys.argv[1:], sep='\\n')",
    ]
    assert page.locator("#differences b").all_inner_texts() == ["--lr=0.1", "--lr=10"]
    assert page.locator("#differences tbody td").all_inner_texts() == ["lr", "0.1", "10"]
    page.locator("#swap").click()
    assert "+print(*sys.argv" in page.locator("#differences .code").last.inner_text()
    page.locator("#a").select_option("lr2")
    page.locator("#b").select_option("lr10")
    assert "Both ran commit" in page.locator("#differences").inner_text()
    for old, new, shown in [
        ("x", "x\n", " x-\\ No newline at end of file"),
        (None, "x\n", "+x"),
        (["9 bytes"], ["9 bytes"], "-9 bytes+9 bytes"),
        ("x\ny\n", ["9 bytes"], "-2 lines+9 bytes"),
    ]:
        block = page.evaluate("([old, now]) => changed(old ?? undefined, now).textContent", [old, new])
        assert block.partition("@@ -1 +1 @@")[2] == shown

    draws = random.Random(1)
    pairs = [["".join(draws.choices("abc", k=draws.randrange(12))) for _ in "ab"] for _ in range(300)]
    found = page.evaluate("pairs => pairs.map(([a, b]) => difference([...a], [...b]))", pairs)
    for (old, new), difference in zip(pairs, found, strict=True):
        assert "".join(item for sign, item in difference if sign != "+") == old
        assert "".join(item for sign, item in difference if sign != "-") == new
        kept = sum(block.size for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks())
        assert sum(sign == " " for sign, _ in difference) >= kept


def test_whatever_a_run_says_is_shown_and_never_obeyed(opened: Callable[..., Page]) -> None:
    page = opened()
    page.locator("#table a", has_text="odd").click()
    log = page.locator("details[open] pre")
    assert log.inner_text() == SHOWN.replace("\\x1b[31m", "")
    assert SHOWN in page.locator("#differences").inner_text()  # the command
    assert SHOWN in page.locator("#table").inner_text()  # the description
    assert page.title() == "repo: all runs"


def test_it_is_readable_without_javascript(opened: Callable[..., Page]) -> None:
    page = opened(java_script_enabled=False)
    assert _names(page) == ["odd", "lr10", "lr2", "lr1"]
    assert page.locator("#filter").is_hidden()
    assert page.locator("figure svg.static:visible").count() == 3
    assert page.locator("figure svg.static g path").count() == 7
    page.locator("summary", has_text="lr10").click()
    assert page.locator("details[open] pre").inner_text() == "first\n100%\nend of lr10"


def test_one_run_without_metrics_is_a_page_too(opened: Callable[..., Page], trained: Repository) -> None:
    shutil.rmtree(trained.path / ".runs/tensorboard/lr2")
    page = opened("lr2")
    assert _names(page) == ["lr2"]
    assert page.locator("thead tr.keys").inner_text().split() == [
        *("name", "status", "started", "took", "lr", "epochs", "description", "commit")
    ]
    page.locator("#filter").fill("lr>1")
    assert _names(page) == []
    assert page.locator("#curves, #compare").count() == 0


# --- the file


class _Scripts(HTMLParser):
    """Collects the texts of a page's scripts, and what it would fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self._is_inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_inside = tag == "script"
        self.links += [str(value) for key, value in attrs if key in ("src", "href") and not str(value).startswith("#")]
        if self._is_inside:
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self._is_inside:
            self.texts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._is_inside = False


def test_its_data_is_json_and_it_names_nothing_to_fetch(trained: Repository) -> None:
    scripts = _Scripts(trained.ok("report", "-o", "-"))
    assert (len(scripts.texts), scripts.links) == (3, [])

    def refuse(constant: str) -> None:
        raise AssertionError(constant)  # NaN, which is no JSON

    data = json.loads(scripts.texts[0], parse_constant=refuse)
    (loss,) = (dict(one["runs"]) for one in data["curves"] if one["key"] == "loss")
    assert loss[0] == {"steps": [0, 1], "values": [None, None]}
    assert not (trained.path / ".runs/report.html").exists()


def test_runs_that_are_named_come_in_that_order(trained: Repository) -> None:
    def order(*arguments: str) -> list[str]:
        return re.findall(r'<th scope="row"><a[^>]*>([^<]+)', trained.ok("report", "-o-", *arguments))

    assert order("lr2", "odd", "lr1") == ["lr2", "odd", "lr1"]
    assert order("lr2", "odd", "lr1", "--sort=name") == order("lr1", "lr2|odd", "--sort=name") == ["lr1", "lr2", "odd"]
    assert order("lr2", "odd|lr1") == ["odd", "lr2", "lr1"]


def test_where_it_goes(trained: Repository) -> None:
    page = trained.path / ".runs/report.html"
    assert trained.ok("report", "lr1") == ".runs/report.html\n"
    assert page.stat().st_mode & 0o777 == 0o644  # the runs dir is private
    trained.ok("report", "-G", "lr?", "--where=lr<1")  # an old report is replaced
    assert "<title>repo: lr?, lr&lt;1</title>" in page.read_text()
    page.write_text("mine")
    result = trained.runs("report")
    assert (result.code, page.read_text()) == (128, "mine")
    assert result.err == (
        "fatal: '.runs/report.html' is there already, and is no report\n"
        "hint: choose another file, or replace it with --force\n"
    )
    trained.ok("report", "--force")
    assert page.read_text() != "mine"


def test_no_run_no_page(repo: Repository) -> None:
    result = repo.runs("report")
    assert (result.code, result.err) == (1, "error: there is no run to report on\n")
    assert not (repo.path / ".runs/report.html").exists()


def test_a_full_disk_leaves_nothing(trained: Repository, small_disk: Path) -> None:
    result = trained.runs("report", "-o", str(small_disk / "page.html"))
    assert (result.code, result.err) == (128, f"fatal: '{small_disk}/page.html': No space left on device\n")
    assert not list(small_disk.iterdir())


def test_without_plotly(trained: Repository, tmp_path: Path) -> None:
    _write(tmp_path / "other/plotly/__init__.py", "")
    result = trained.runs("report", PYTHONPATH=str(tmp_path / "other"))
    assert result.code == 128
    assert result.err == "fatal: a report needs plotly, which is not installed\nhint: pip install 'git-runs[report]'\n"
    assert not (trained.path / ".runs/report.html").exists()
