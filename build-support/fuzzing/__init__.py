"""What `build-support/fuzz.py` feeds to the readers of hostile input."""
