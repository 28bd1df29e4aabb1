"""What a folder's events said at any moment: states, differences between two of them, and standings at decisions."""
