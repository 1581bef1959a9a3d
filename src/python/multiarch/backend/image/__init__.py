"""`multiarch_image` and `image_base`: one image per platform, assembled without an engine."""
