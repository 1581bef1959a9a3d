"""The rules, run by the engine without Go or a network."""
