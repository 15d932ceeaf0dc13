"""Tracker: projects events, decisions and deliveries into a read model with an API."""
