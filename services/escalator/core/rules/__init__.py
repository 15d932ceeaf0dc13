"""One module for each family of rules, named in the words of the policy."""
