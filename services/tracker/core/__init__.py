"""Pure: one event into the rows it changes."""
