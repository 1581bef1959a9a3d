"""The Pants side: thin rules that parse fields into core values, await, and wrap results."""
