"""What mkdocs calls while it builds the documentation site: the pages that lie elsewhere in the repository join those
of docs/, and the links among them lead to where they are on the site.

https://www.mkdocs.org/dev-guide/plugins/#events
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
AT_THE_TOP = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/RESULTS.md": "benchmarks.md",
    "LICENSE": "LICENSE",
}
MANUAL = "manual/"  # where its pages are on the site


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages of the manual to what is listed beside each page."""
    config.nav = [*(config.nav or []), {"Manual": [MANUAL + path.name for path in _manual()]}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    for name, place in AT_THE_TOP.items():
        files.append(File.generated(config, place, content=_relinked((ROOT / name).read_text())))
    for path in _manual():
        files.append(File.generated(config, MANUAL + path.name, content=_page_of_manual(path)))
    return files


def on_page_markdown(markdown: str, page: object, **others: object) -> str:
    """Of pages in docs/, the links that lead out of it."""
    return _relinked(markdown, "../") if "](../" in markdown else markdown


def _relinked(markdown: str, top: str = "") -> str:
    """With links to files of the repository, whose top is there from the page, as the site has them."""
    for name, place in AT_THE_TOP.items():
        markdown = markdown.replace(f"]({top}{name}", f"]({place}")
    return markdown.replace(f"]({top}docs/", "](").replace(f"]({top}man/", f"]({MANUAL}")


def _manual() -> list[Path]:
    return sorted((ROOT / "man").glob("*.md"), key=lambda path: path.stem)


def _page_of_manual(path: Path) -> str:
    """A page with its title, whose references to others are links."""
    text = re.sub(r"\A---\n.*?\n---\n", "", path.read_text(), flags=re.DOTALL)
    text = re.sub(r"^# (.+)$", lambda match: f"## {match[1].capitalize()}", text, flags=re.MULTILINE)
    text = text.replace(r"\<", "&lt;")  # which Python-Markdown does not take for a "<"
    pages = {page.stem for page in path.parent.glob("*.md")} - {path.stem}

    def link(match: re.Match[str]) -> str:
        return f"[{match[0]}]({match[1]}.md)" if match[1] in pages else match[0]

    return f"# {path.stem}(1)\n" + re.sub(r"\*\*(git-runs[\w-]*)\*\*\(1\)", link, text)
