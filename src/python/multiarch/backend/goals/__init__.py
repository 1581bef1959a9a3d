"""What this backend adds to Pants' own goals."""
