"""Dockerfiles: read, expanded for one platform, and turned into the steps of each stage."""
