"""Tests of `consumer.kafka`, without a broker."""
