"""The transparency log kept in PostgreSQL: built from the event log, published as checkpoints, proved from tiles."""
