"""The log that strangers can check: every event's envelope as a leaf of one RFC 6962 tree, served as C2SP tiles."""
