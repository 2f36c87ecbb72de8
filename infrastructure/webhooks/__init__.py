"""Webhooks out: partners' public events, sent to addresses of theirs, signed, in order per customer, at least once."""
