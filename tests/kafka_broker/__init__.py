"""A real Apache Kafka for the tests: fetched once, started in seconds, killed and frozen at will."""
