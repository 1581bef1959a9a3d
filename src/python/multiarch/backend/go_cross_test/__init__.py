"""Go tests of a package, on every platform."""
