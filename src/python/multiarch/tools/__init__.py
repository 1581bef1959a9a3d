"""Programs that run inside sandboxes; each reads one JSON request and writes its outputs."""
