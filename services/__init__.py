"""The four services; each is a pure core inside a thin shell."""
