"""`tierline policy`: check, compare, activate and remember the versions of a policy."""
