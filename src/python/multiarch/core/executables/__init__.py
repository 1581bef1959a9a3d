"""Executable files: what their own headers and Go build info say, compared with a platform."""
