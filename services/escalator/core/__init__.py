"""Pure: the escalation engine."""
