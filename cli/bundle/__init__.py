"""`tierline bundle`: one case in a signed file, that replays anywhere."""
