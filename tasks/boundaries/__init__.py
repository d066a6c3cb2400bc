"""Boundaries of one pixel's width: how a wide one is thinned, and how two are compared."""
