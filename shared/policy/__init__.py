"""Pure: the policy that people write. Document, matrix, calendars, ladders."""
