"""Which streams each command reads before it is decided, one module per room of the domain.

A program loads and then calls one pure function of the domain; everything it loads is guarded at the append.
"""
