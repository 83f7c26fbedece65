"""The options that ask for a form for programs: --format, --porcelain, --json and -z. format_output.py obeys them."""

from __future__ import annotations

import argparse

from ..errors.base import UsageError

PLACEHOLDER = "%"  # what a format has, and no name of one
VERSIONS = {"": "v1", "v1": "v1", "1": "v1"}  # of --porcelain, as they may be typed


def add_arguments(parser: argparse.ArgumentParser, *, also: str = "") -> None:
    """--format, --porcelain, --json and -z; `also` says which names --format knows beside formats of that language."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--format",
        metavar="FORMAT",
        help="show each in the way of git for-each-ref: '%%(name) %%(status) %%(commit:short)'"
        + (f"; or {also}" if also else ""),
    )
    which.add_argument(
        "--porcelain",
        metavar="VERSION",
        nargs="?",
        type=_version,
        const="v1",
        help="show each in a form for scripts, which stays as it is (default: v1)",
    )
    which.add_argument("--json", action="store_true", help="show each as an object of JSON in one line")
    parser.add_argument("-z", "--null", action="store_true", help="end lines with NUL, and quote nothing")


def is_asked(args: argparse.Namespace, *, has_names: bool = False, has_lines: bool = False) -> bool:
    """Whether a form for programs is asked for: where --format `has_names` of other formats, not by these.

    -z alone asks for --porcelain, as in git-status(1), but where the command `has_lines` that it can end. Raises
    UsageError where it is given with one of these names.
    """
    if args.json or args.porcelain is not None:
        return True
    if args.format is not None:
        if has_names and PLACEHOLDER not in args.format and args.null:
            raise UsageError(f"options '-z' and '--format={args.format}' cannot be used together")
        return not has_names or PLACEHOLDER in args.format
    return args.null and not has_lines


def _version(text: str) -> str:
    if text not in VERSIONS:
        raise argparse.ArgumentTypeError(f"there is no version '{text}', only v1")
    return VERSIONS[text]
