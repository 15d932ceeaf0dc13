"""The tierline command."""
