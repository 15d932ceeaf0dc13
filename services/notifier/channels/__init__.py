"""The ways out: one module per channel, all of them `base.Channel`."""
