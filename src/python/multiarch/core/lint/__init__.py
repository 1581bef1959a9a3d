"""What `pants lint` looks for: hard-coded platforms, traps of Dockerfiles, misaligned atomics."""
