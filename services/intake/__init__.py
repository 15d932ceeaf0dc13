"""Intake: takes ticket events over HTTP and publishes them."""
