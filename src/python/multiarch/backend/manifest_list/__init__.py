"""`manifest_list`: one name for the images of all platforms."""
