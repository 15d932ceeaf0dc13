"""Pure: who is told what, when to retry, in which words."""
