"""The adapters to Kafka: the only importers of aiokafka."""
