"""What a score may be, what a ranking is, and when it is sealed."""
