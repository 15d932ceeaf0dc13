"""Pure: what services agree on. Events, decisions, topics, ids, errors."""
