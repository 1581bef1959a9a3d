"""The Go build graph: packages, std, third-party layers, compiles, links and verification."""
