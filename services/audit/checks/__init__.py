"""Every rule that the record is held to, one module for each matter; each yields what is wrong and where it stands."""
