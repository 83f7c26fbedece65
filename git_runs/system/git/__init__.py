"""The git executable: a module for each kind of question that it answers."""
