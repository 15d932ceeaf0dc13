"""`tierline review`: what happened in a period, what to do about it, what became of it."""
