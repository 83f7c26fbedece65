"""`python -m benchmarks`: measure the installed `git runs`, and print what it takes, and may take."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from . import figures, growth, importing, imports, many, metrics, report, scale, screen, sharing, single
from .figures import Figure
from .peers import measure
from .place import ROUNDS, Place, temporary

IMPORTS, PEERS = "imports", "peers"
OTHERS = single.MEASURES | metrics.MEASURES | screen.MEASURES | many.MEASURES | sharing.MEASURES | importing.MEASURES
ALL = (*scale.KEYS, *OTHERS, IMPORTS, PEERS)


def main() -> None:
    """Measure what is asked for, in a directory that is removed again."""
    args = _arguments()
    with temporary(args.work) as place:
        found = list(_measure(place, args))
        imported = imports.rows(place, args.rounds) if IMPORTS in args.only else []
        peers = measure.rows(place, args.sizes, args.rounds, found) if PEERS in args.only else []
    print(_text(found, imported, peers, markdown=False))
    if args.write_results:
        report.write(_text(found, imported, peers, markdown=True))


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=scale.SIZES, metavar="N", help="numbers of runs")
    parser.add_argument("--only", nargs="+", choices=ALL, default=ALL, metavar="KEY", help=f"of {', '.join(ALL)}")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"how often (default: {ROUNDS})")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where to work (default: below /tmp)")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="keep the runs there, and measure with those kept there"
    )
    parser.add_argument("--write-results", action="store_true", help=f"put the figures into {report.RESULTS.name}")
    return parser.parse_args()


def _measure(place: Place, args: Namespace) -> Iterator[Figure]:
    if chosen := [what for key in args.only for what in scale.KEYS.get(key, ())]:
        for runs in args.sizes:
            yield from scale.measure(place, runs, chosen, args.rounds, args.data and args.data.resolve())
    for key, measured in OTHERS.items():
        if key in args.only:
            yield from measured(place, args.rounds)


def _text(found: list[Figure], imported: list[list[str]], peers: list[list[str]], *, markdown: bool) -> str:
    """All that was found, and how to read it."""

    def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
        return report.table(headers, rows, markdown=markdown)

    missed = [one for one in found if one.is_met is False]
    limited = [one for one in found if one.is_met is not None]
    parts = [table(figures.HEADERS, (one.cells() for one in found))]
    parts += [f"{len(limited) - len(missed)} of {len(limited)} limits are met. {figures.EXPLANATION}"]
    if imported:
        parts += ["Imports of `git runs list`:", table(imports.HEADERS, imported)]
    if grown := growth.rows(found):
        parts += ["How the time grows with the runs, as a power of their number:", table(growth.HEADERS, grown)]
    if peers:
        parts += ["The same work by others:", table(measure.HEADERS, peers)]
    if peers and (absent := measure.absent()):
        parts += [f"Not installed here: {', '.join(absent)}."]
    return "\n\n".join(parts)


if __name__ == "__main__":
    main()
