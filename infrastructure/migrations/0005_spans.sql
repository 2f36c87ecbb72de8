-- Time travel: which status each customer had, as known at a position and as true at a time.

CREATE TABLE gatehouse.spans (
    customer uuid NOT NULL,
    recorded_from bigint NOT NULL,
    occurred_from timestamptz NOT NULL,
    recorded_until bigint,
    occurred_until timestamptz,
    partner uuid NOT NULL,
    registered_position bigint NOT NULL,
    status text NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (customer, recorded_from, occurred_from)
);

-- Lists by status, newest first: of a partner, and of all. Whether a span was in force is seen in the index alone.
CREATE INDEX spans_recorded ON gatehouse.spans
    (partner, status, registered_position, recorded_from, coalesce(recorded_until, 9223372036854775807))
    WHERE occurred_until IS NULL;
CREATE INDEX spans_recorded_of_all ON gatehouse.spans
    (status, registered_position, recorded_from, coalesce(recorded_until, 9223372036854775807))
    WHERE occurred_until IS NULL;
CREATE INDEX spans_occurred ON gatehouse.spans
    (partner, status, registered_position, occurred_from, coalesce(occurred_until, 'infinity'));
CREATE INDEX spans_occurred_of_all ON gatehouse.spans
    (status, registered_position, occurred_from, coalesce(occurred_until, 'infinity'));

-- How late registrations came.
CREATE INDEX spans_lateness ON gatehouse.spans ((updated_at - occurred_from)) WHERE recorded_from = registered_position;

-- The last position that was recorded at a time or before; 0 before the first. `recorded_at` never falls as positions
-- rise, so that halving finds it without an index on the time, which every append would have to pay for.
CREATE FUNCTION gatehouse.position_at(moment timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
    low bigint := 0;
    high bigint := (SELECT coalesce(max(notification_id), 0) FROM gatehouse.stored_events);
    middle bigint;
BEGIN
    WHILE low < high LOOP
        middle := (low + high + 1) / 2;
        IF (SELECT recorded_at FROM gatehouse.stored_events WHERE notification_id >= middle
                ORDER BY notification_id LIMIT 1) <= moment THEN
            low := middle;
        ELSE
            high := middle - 1;
        END IF;
    END LOOP;
    RETURN low;
END
$$;

GRANT SELECT, INSERT, UPDATE, DELETE ON gatehouse.spans TO gatehouse_service;
