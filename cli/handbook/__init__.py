"""`tierline handbook`: the procedures as a site, with every number from the policy."""
