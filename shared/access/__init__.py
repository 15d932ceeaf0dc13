"""API keys: what they are, and the file that every service with a door reads them from."""
