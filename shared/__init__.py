"""What the services share: the pure contract and policy, and the runtime that they stand on."""
