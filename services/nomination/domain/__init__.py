"""The pure rules of nomination: state, decide and evolve, one module per aggregate."""
