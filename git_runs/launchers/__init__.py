"""Where the command of a run goes on: one module a launcher, each with the same few verbs."""
