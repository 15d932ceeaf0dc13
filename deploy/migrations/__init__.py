"""Numbered steps of every schema, forward only."""
