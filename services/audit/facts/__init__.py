"""The facts behind the figures: read from the export, held to the record, and measured anew with code of its own."""
