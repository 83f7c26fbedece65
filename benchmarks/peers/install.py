"""`python -m benchmarks.peers.install`: install the peers that are not there yet; which fail, is told in the end."""

from __future__ import annotations

import subprocess

from ..place import tell
from . import PEERS


def main() -> None:
    """Install one after the other."""
    for peer in PEERS:
        if peer.version() is None:
            tell(f"installing {peer.package}")
            try:
                peer.install()
            except subprocess.CalledProcessError as error:
                tell(f"{peer.package} cannot be installed: {error}")


if __name__ == "__main__":
    main()
