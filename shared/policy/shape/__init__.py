"""The shape of a policy file, section by section: what may be written where."""
