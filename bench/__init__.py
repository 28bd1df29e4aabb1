"""Measures of the system against its own limits and against its peers."""
