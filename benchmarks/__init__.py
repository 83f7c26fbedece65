"""How fast `git runs` is: whole processes, against what they cannot do without."""
