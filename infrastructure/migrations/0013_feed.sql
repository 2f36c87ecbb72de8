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
