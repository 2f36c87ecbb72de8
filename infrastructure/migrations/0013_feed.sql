-- What partners hear of their customers: public events, numbered for each partner without a gap, in the log's order.

CREATE TABLE gatehouse.feed (
    customer_id uuid NOT NULL,
    position bigint NOT NULL,
    partner uuid NOT NULL,
    event_id uuid NOT NULL,
    webhook_type text NOT NULL,
    external_id text NOT NULL,
    chain_id text NOT NULL,
    status text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    previous_sequence bigint CHECK (previous_sequence < sequence),
    PRIMARY KEY (partner, sequence)
);

CREATE UNIQUE INDEX feed_by_customer ON gatehouse.feed (customer_id, position);

GRANT SELECT, INSERT, UPDATE, DELETE ON gatehouse.feed TO gatehouse_service;

-- Whoever waits for public events hears when the projection has moved on. What tracks a table stays where it is rebuilt.
CREATE FUNCTION gatehouse.tell_of_feed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_notify('feed', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER feed_moved AFTER UPDATE OF position ON gatehouse.tracking
    FOR EACH ROW WHEN (NEW.projection = 'feed' AND NEW.position > OLD.position)
    EXECUTE FUNCTION gatehouse.tell_of_feed();
