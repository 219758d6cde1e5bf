"""Edges to the frameworks that sites are written in; thin, each applies the gate."""
