"""Where the command of a run goes on: one module a launcher, each with the same few verbs."""

import signal

KILL_NOW = signal.SIGALRM  # says to a supervisor: the time that the command had to end by itself is over
