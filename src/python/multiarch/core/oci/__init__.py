"""OCI values: descriptors, configs, manifests, indexes, layers and layouts."""
