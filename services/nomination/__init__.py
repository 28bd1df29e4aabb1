"""Who competes, who sits, what was decided: seasons, committees, nominations and plenaries."""
