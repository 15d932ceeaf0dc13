"""Mappings: how a helpdesk's fields and words become facts of the contract; files that people write."""
