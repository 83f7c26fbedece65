"""The build steps that setup.cfg cannot say: the pages of the manual, from Markdown to what man(1) reads, and what each
subcommand takes, from the parsers of arguments to what completion reads.

All that is found below `share` of an installation is built into `git_runs/share`, which travels in the wheel twice: as
package data, where `git runs help` finds it, and as data files, where man(1) and shells do.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PAGES = Path("man")
# Python-Markdown, of which the documentation site is made, reads it as pandoc does with these.
MARKDOWN = "markdown_strict-raw_html" + "".join(
    f"+{extension}"
    for extension in ("definition_lists", "backtick_code_blocks", "all_symbols_escapable", "intraword_underscores")
)
MARK = "PAGE "  # begins a line between pages: pandoc takes long to start, and gets all of them at once
FOR_SHELLS = {
    "git-runs.bash": "bash-completion/completions/git-runs",
    "_git-runs": "zsh/site-functions/_git-runs",
    "git-runs.fish": "fish/vendor_conf.d/git-runs.fish",  # it adds to the completion of git
}


class Build(build_py):
    """Build the modules, what completion reads, and `git_runs/share` beside them."""

    def run(self) -> None:
        """Called by setuptools."""
        super().run()
        if self.editable_mode:
            return
        place, text = grammars()
        _write(Path(self.build_lib, place), text)
        share = Path(self.build_lib, "git_runs/share")
        for page, roff in manual(self.distribution.get_version()).items():
            _write(share / "man/man1" / f"{page}.1", roff)
        for source, place in FOR_SHELLS.items():
            if (path := Path("completion", source)).exists():
                _write(share / place, path.read_text())
        for source in PAGES.glob("*.md"):
            _write(share / "doc/git-runs" / source.name, source.read_text())
        self.distribution.data_files = [
            (f"share/{folder.relative_to(share)}", sorted(map(str, folder.glob("*"))))
            for folder in sorted({path.parent for path in share.rglob("*") if path.is_file()})
        ]


def grammars() -> tuple[str, str]:
    """What each subcommand takes: where the package has it, and the text."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    sys.dont_write_bytecode = True
    from git_runs.cli.grammar import FILE, of_parser
    from git_runs.main import COMMANDS, parser_of

    return f"git_runs/cli/{FILE}", json.dumps({name: of_parser(parser_of(name)).fields for name in COMMANDS})


def manual(version: str) -> dict[str, str]:
    """The pages in roff, by name."""
    import pypandoc

    sources = {path.stem: _without_head(path.read_text()) for path in sorted(PAGES.glob("*.md"))}
    together = "\n\n".join(f"{MARK}{name}\n\n{text}" for name, text in sources.items())
    roff = pypandoc.convert_text(together, "man", format=MARKDOWN)
    _, *parts = re.split(rf"^(?:\.PP\n)?{MARK}(.+)\n", roff, flags=re.MULTILINE)
    names = [name.replace("\\-", "-") for name in parts[::2]]
    return {name: _head(name, version) + _tidy(body) for name, body in zip(names, parts[1::2], strict=True)}


def _without_head(markdown: str) -> str:
    return re.sub(r"\A---\n.*?\n---\n", "", markdown, flags=re.DOTALL)


def _head(name: str, version: str) -> str:
    """The title; words are not divided, and lines not stretched, as in git's pages."""
    built = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    return f'.TH "{name.upper()}" "1" "{built}" "git runs {version}" "Git Manual"\n.nh\n.ad l\n'


def _tidy(roff: str) -> str:
    """Usage lines stand right below each other, as in git's pages."""
    synopsis = re.compile(r"(?<=^\.SH SYNOPSIS\n).*?(?=^\.SH )", re.DOTALL | re.MULTILINE)
    return synopsis.sub(lambda lines: lines[0].replace(".PP\n", ".br\n"), roff)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


setup(cmdclass={"build_py": Build})
