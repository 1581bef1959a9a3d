"""Tests of `core/release`."""
