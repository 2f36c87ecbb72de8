-- A decision holds only on what it has seen: streams that were read and not written must be at the same version still.

CREATE FUNCTION gatehouse.append(
    streams uuid[], versions bigint[], topics text[], states bytea[],
    command_ids uuid[], command_streams uuid[], command_versions bigint[],
    seen_streams uuid[], seen_versions bigint[]
) RETURNS TABLE (first_position bigint, recorded timestamptz) LANGUAGE plpgsql VOLATILE AS $$
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

-- For processes of the version before.
CREATE OR REPLACE FUNCTION gatehouse.append(
    streams uuid[], versions bigint[], topics text[], states bytea[],
    command_ids uuid[], command_streams uuid[], command_versions bigint[]
) RETURNS TABLE (first_position bigint, recorded timestamptz) LANGUAGE sql VOLATILE AS $$
    SELECT * FROM gatehouse.append(
        streams, versions, topics, states, command_ids, command_streams, command_versions, '{}', '{}'
    )
$$;
