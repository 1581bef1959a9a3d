"""Multi-platform Go binaries, images and manifest lists from one Pants build graph."""
