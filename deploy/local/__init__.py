"""The embedded stack: a real broker, a real database and every service, from package registries alone."""
