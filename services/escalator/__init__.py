"""Escalator: consumes ticket events and emits tier changes by the policy."""
