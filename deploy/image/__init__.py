"""The container image: one for every service."""
