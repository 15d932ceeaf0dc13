"""What helpdesks post of themselves: is it theirs, and which events does it tell? Pure."""
