"""The release: its tree of files, sums, bills of materials, provenance, and how it is published."""
