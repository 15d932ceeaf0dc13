"""`tierline keys`: who may post, and with what."""
