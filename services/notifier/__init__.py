"""Notifier: fans decisions out to channels, once, and keeps the ledger."""
