"""`python -m benchmarks.peers.install`: install the peers that are not there yet, and name those that cannot be."""

from __future__ import annotations

import subprocess

from ..place import say
from . import PEERS


def main() -> None:
    """Install one after the other."""
    for peer in PEERS:
        if peer.version() is None:
            say(f"installing {peer.package}")
            try:
                peer.install()
            except subprocess.CalledProcessError as error:
                say(f"{peer.package} cannot be installed: {error}")


if __name__ == "__main__":
    main()
