"""Real servers without containers: Apache Kafka from its jars, PostgreSQL from a wheel."""
