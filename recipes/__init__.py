"""The recipes: one folder each, with a notebook, its modules and its tests."""
