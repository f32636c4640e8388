"""What the claims' tests share with the integration tests: topics and consumers of their own."""

from tests.integration.conftest import consumer_process, topics

__all__ = ["consumer_process", "topics"]
