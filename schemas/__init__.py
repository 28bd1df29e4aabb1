"""What can be said on the wire."""
