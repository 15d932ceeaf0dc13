"""The notifier's settings, each read from ``NOTIFIER_<NAME>``."""
