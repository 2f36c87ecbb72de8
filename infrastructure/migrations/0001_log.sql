-- The event log: append-only, in commit order, positions without gaps.
-- The table has the shape that the eventsourcing library reads and writes, and `recorded_at`.

CREATE TABLE gatehouse.stored_events (
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
);

CREATE UNIQUE INDEX stored_events_notification_id_idx ON gatehouse.stored_events (notification_id);

-- Keys and lists are few, and every process folds them when it starts.
CREATE INDEX stored_events_settings_idx ON gatehouse.stored_events (notification_id)
    WHERE topic IN ('ApiKeyIssued', 'ApiKeyRevoked', 'SanctionsListPublished');

-- What each command came to, written with its events: a repeat is answered as the first was.
CREATE TABLE gatehouse.receipts (
    command_id uuid PRIMARY KEY,
    stream uuid NOT NULL,
    version bigint NOT NULL
);

CREATE FUNCTION gatehouse.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the event log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON gatehouse.stored_events
    FOR EACH STATEMENT EXECUTE FUNCTION gatehouse.refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON gatehouse.stored_events
    FOR EACH STATEMENT EXECUTE FUNCTION gatehouse.refuse_change();

CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON gatehouse.receipts
    FOR EACH STATEMENT EXECUTE FUNCTION gatehouse.refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON gatehouse.receipts
    FOR EACH STATEMENT EXECUTE FUNCTION gatehouse.refuse_change();

-- Replicas and sessions that pretend to be one are held to it, too.
ALTER TABLE gatehouse.stored_events ENABLE ALWAYS TRIGGER append_only_rows;
ALTER TABLE gatehouse.stored_events ENABLE ALWAYS TRIGGER append_only_table;
ALTER TABLE gatehouse.receipts ENABLE ALWAYS TRIGGER append_only_rows;
ALTER TABLE gatehouse.receipts ENABLE ALWAYS TRIGGER append_only_table;

-- Every writer takes one lock before it takes positions, and holds it until it has committed: positions follow
-- commit order. Unlike a table lock, this one waits for no VACUUM and needs no privilege.
CREATE FUNCTION gatehouse.next_position() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7166152, 1);
    RETURN coalesce((SELECT max(notification_id) FROM gatehouse.stored_events), 0) + 1;
END
$$;

-- The log's clock, which stands still while the machine's is set back.
CREATE FUNCTION gatehouse.next_moment() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7166152, 1);
    RETURN greatest(clock_timestamp(), (
        SELECT recorded_at FROM gatehouse.stored_events ORDER BY notification_id DESC LIMIT 1
    ));
END
$$;

-- For writers other than `append`.
ALTER TABLE gatehouse.stored_events ALTER COLUMN notification_id SET DEFAULT gatehouse.next_position();
ALTER TABLE gatehouse.stored_events ALTER COLUMN recorded_at SET DEFAULT gatehouse.next_moment();

CREATE FUNCTION gatehouse.append(
    streams uuid[], versions bigint[], topics text[], states bytea[],
    command_ids uuid[], command_streams uuid[], command_versions bigint[]
) RETURNS TABLE (first_position bigint, recorded timestamptz) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    -- As every INSERT does before it asks for a position: in another order, two writers could wait for each other.
    LOCK TABLE gatehouse.stored_events IN ROW EXCLUSIVE MODE;
    first_position := gatehouse.next_position();
    recorded := gatehouse.next_moment();
    INSERT INTO gatehouse.receipts (command_id, stream, version)
        SELECT * FROM unnest(command_ids, command_streams, command_versions);
    INSERT INTO gatehouse.stored_events
            (originator_id, originator_version, topic, state, notification_id, recorded_at)
        SELECT u.stream, u.version, u.topic, u.state, first_position - 1 + u.ordinal, recorded
        FROM unnest(streams, versions, topics, states) WITH ORDINALITY AS u (stream, version, topic, state, ordinal);
    PERFORM pg_notify('stored_events', '');  -- the library's channel: its subscriptions wake up too
    RETURN NEXT;
END
$$;

-- The keys of personal data, wrapped by a master key that is not in the database.
CREATE TABLE gatehouse.subject_keys (
    subject uuid PRIMARY KEY,
    wrapped bytea NOT NULL
);

-- What providers said, sealed with the subject's key, by the SHA-256 of what was sealed.
CREATE TABLE gatehouse.evidence (
    digest bytea NOT NULL,
    subject uuid NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (subject, digest)
);

-- Which keys belong to this log: a process with another key must not start.
CREATE TABLE gatehouse.key_checks (
    name text PRIMARY KEY,
    check_value bytea NOT NULL
);

GRANT USAGE ON SCHEMA gatehouse TO gatehouse_service;
GRANT SELECT, INSERT ON gatehouse.stored_events, gatehouse.receipts, gatehouse.evidence, gatehouse.key_checks,
    gatehouse.subject_keys
    TO gatehouse_service;
