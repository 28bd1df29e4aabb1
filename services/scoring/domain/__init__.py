"""The pure rules of scoring: state, decide and evolve, one module per aggregate."""
