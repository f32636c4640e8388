"""What waits, what may be sent when, and what an answer means for its event. Pure, but for `worker`."""
