"""From a record to an event, and from an event to Zoho's `sessionData`. Pure."""
