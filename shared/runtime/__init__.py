"""IO: what services stand on. Kafka, database, clock, telemetry, health, settings."""
