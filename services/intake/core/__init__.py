"""Pure: what intake decides about a request."""
