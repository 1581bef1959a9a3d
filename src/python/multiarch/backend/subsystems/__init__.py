"""Options: `[multiarch]` and `[go-toolchain]`."""
