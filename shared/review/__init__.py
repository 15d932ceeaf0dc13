"""The review: what happened in a period, in numbers that anybody can recompute (pure)."""
