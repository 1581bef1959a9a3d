"""The thinking: pure values and functions that import nothing of Pants and probe nothing."""
