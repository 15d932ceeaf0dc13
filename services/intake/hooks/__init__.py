"""`POST /v1/hooks/{source}`: webhooks of helpdesks, taken as they come and read by a mapping."""
