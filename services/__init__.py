"""The services, which speak only through events and public HTTP, and never import each other."""
