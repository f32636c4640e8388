"""`/livez`, `/readyz`, `/metrics` and `/status`."""
