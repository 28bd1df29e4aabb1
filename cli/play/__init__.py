"""Three real seasons, played by their people through the public APIs on a running stack."""
