"""`pants lint`: hard-coded platforms, traps of Dockerfiles, and misaligned 64-bit atomics."""
