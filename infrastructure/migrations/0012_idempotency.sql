-- What the first request under an idempotency key came to: a repeat is answered as it was, until it expires.
-- Keys and what was asked for are keyed hashes. The answer is made again from the stream as of `version`, or is the
-- refusal's code (`stream` is the customer that it names); what the log does not tell is sealed with the caller's key.

CREATE TABLE gatehouse.idempotency (
    key bytea PRIMARY KEY,
    fingerprint bytea NOT NULL,
    command_id uuid NOT NULL,
    stream uuid NOT NULL,
    version bigint NOT NULL,
    refusal text,
    sealed bytea,
    under_way_until timestamptz,
    expires_at timestamptz NOT NULL
);

CREATE INDEX idempotency_expiry ON gatehouse.idempotency (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON gatehouse.idempotency TO gatehouse_service;

CREATE FUNCTION gatehouse.append(
    streams uuid[], versions bigint[], topics text[], states bytea[],
    command_ids uuid[], command_streams uuid[], command_versions bigint[],
    seen_streams uuid[], seen_versions bigint[],
    keys bytea[], fingerprints bytea[], key_commands uuid[], key_streams uuid[], key_versions bigint[],
    refusals text[], seals bytea[]
) RETURNS TABLE (first_position bigint, recorded timestamptz) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    kept bigint;
BEGIN
    -- As every INSERT does before it asks for a position: in another order, two writers could wait for each other.
    LOCK TABLE gatehouse.stored_events IN ROW EXCLUSIVE MODE;
    PERFORM pg_advisory_xact_lock(7166152, 1);
    IF EXISTS (
        SELECT FROM unnest(seen_streams, seen_versions) AS seen (stream, version)
        WHERE seen.version <> coalesce((
            SELECT max(e.originator_version) FROM gatehouse.stored_events e WHERE e.originator_id = seen.stream
        ), 0)
    ) THEN
        RAISE EXCEPTION 'a stream has moved on' USING ERRCODE = 'unique_violation';
    END IF;
    SELECT e.notification_id + 1, greatest(clock_timestamp(), e.recorded_at) INTO first_position, recorded
        FROM gatehouse.stored_events e ORDER BY e.notification_id DESC LIMIT 1;
    IF NOT FOUND THEN
        first_position := 1;
        recorded := clock_timestamp();
    END IF;
    IF cardinality(keys) > 0 THEN
        INSERT INTO gatehouse.idempotency AS known
                (key, fingerprint, command_id, stream, version, refusal, sealed, expires_at)
            SELECT *, clock_timestamp() + interval '24 hours'
            FROM unnest(keys, fingerprints, key_commands, key_streams, key_versions, refusals, seals)
            ON CONFLICT (key) DO UPDATE SET
                fingerprint = excluded.fingerprint, command_id = excluded.command_id, stream = excluded.stream,
                version = excluded.version, refusal = excluded.refusal, sealed = excluded.sealed,
                under_way_until = NULL, expires_at = excluded.expires_at
            WHERE known.expires_at <= clock_timestamp();
        GET DIAGNOSTICS kept = ROW_COUNT;
        IF kept < cardinality(keys) THEN
            RAISE EXCEPTION 'an idempotency key is on record' USING ERRCODE = 'unique_violation';
        END IF;
    END IF;
    INSERT INTO gatehouse.receipts (command_id, stream, version)
        SELECT * FROM unnest(command_ids, command_streams, command_versions);
    INSERT INTO gatehouse.stored_events
            (originator_id, originator_version, topic, state, notification_id, recorded_at)
        SELECT u.stream, u.version, u.topic, u.state, first_position - 1 + u.ordinal, recorded
        FROM unnest(streams, versions, topics, states) WITH ORDINALITY AS u (stream, version, topic, state, ordinal);
    IF cardinality(streams) > 0 THEN
        PERFORM pg_notify('stored_events', '');  -- the library's channel: its subscriptions wake up too
    END IF;
    RETURN NEXT;
END
$$;

-- For processes of the version before, and for the library's own recorder.
CREATE OR REPLACE FUNCTION gatehouse.append(
    streams uuid[], versions bigint[], topics text[], states bytea[],
    command_ids uuid[], command_streams uuid[], command_versions bigint[],
    seen_streams uuid[], seen_versions bigint[]
) RETURNS TABLE (first_position bigint, recorded timestamptz) LANGUAGE sql VOLATILE AS $$
    SELECT * FROM gatehouse.append(
        streams, versions, topics, states, command_ids, command_streams, command_versions, seen_streams, seen_versions,
        '{}', '{}', '{}', '{}', '{}', '{}', '{}'
    )
$$;
