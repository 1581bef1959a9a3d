"""`release`: everything that one version consists of, and where it is published."""
