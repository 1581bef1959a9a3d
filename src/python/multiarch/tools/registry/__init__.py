"""Registries: transport, credentials, a client that retries, and images as sources."""
