"""A helpdesk's exported audit log, read by a mapping and told again as events of the contract."""
