"""`tierline dead-letters`: what the notifier could not do, looked at, tried again, given up."""
