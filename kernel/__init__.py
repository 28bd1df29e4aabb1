"""How things are remembered and delivered; no word of the award."""
