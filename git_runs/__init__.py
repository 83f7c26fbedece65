"""git runs: track, launch and reproduce experiment runs with nothing but git, tmux and readable files."""

__version__ = "0.1.0"
