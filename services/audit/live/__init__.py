"""Continuous verification: what does not fit is found while it can still be asked about, and told until settled."""
