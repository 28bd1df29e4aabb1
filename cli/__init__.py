"""The `paritrana` program: the one door to everything the makefile offers."""
