-- Keys are few, and every process folds them when it starts. The index before this one serves the version before.
CREATE INDEX stored_events_keys_idx ON gatehouse.stored_events (notification_id)
    WHERE topic IN ('ApiKeyIssued', 'ApiKeyRotated', 'ApiKeyRevoked', 'RequestKeyRegistered', 'RequestKeyRemoved');
