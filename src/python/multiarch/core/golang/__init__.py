"""The Go package graph and the compile and link plans made from it."""
