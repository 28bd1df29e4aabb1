"""The store of every event of every topic, checked link by link; it decides nothing."""
