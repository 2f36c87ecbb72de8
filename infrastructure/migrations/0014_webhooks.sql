-- Webhooks out: which public events are still to be sent where. What a webhook is, the log says.

-- Every process that sends folds the webhooks' few events when it starts.
CREATE INDEX stored_events_webhooks_idx ON gatehouse.stored_events (notification_id)
    WHERE topic IN (
        'WebhookRegistered', 'WebhookTypesChanged', 'WebhookSecretRotated', 'WebhookMarkedFailing', 'WebhookRecovered',
        'WebhookRemoved'
    );

-- How far into its partner's feed a webhook's deliveries were made. Whoever makes or settles a webhook's deliveries
-- locks its row first: only so is it certain that a delivery which waits for another is not forgotten.
CREATE TABLE gatehouse.webhook_cursors (
    webhook uuid PRIMARY KEY,
    sequence bigint NOT NULL
);

-- One row per webhook and public event; the body is made from the feed when it is sent. `due` is when the delivery may
-- be tried next, or again should whoever tries it die: a lease moves it on. It is NULL where there is nothing to do:
-- the event was delivered, or waits for the same customer's one before. `asked`: the owner wants it sent, come what may.
CREATE TABLE gatehouse.webhook_deliveries (
    webhook uuid NOT NULL,
    sequence bigint NOT NULL,
    id uuid NOT NULL,
    customer uuid NOT NULL,
    due timestamptz,
    leased_until timestamptz,
    asked boolean NOT NULL DEFAULT false,
    attempts int NOT NULL DEFAULT 0,
    first_attempt_at timestamptz,
    last_attempt_at timestamptz,
    last_outcome text,
    last_status int,
    delivered_at timestamptz,
    PRIMARY KEY (webhook, sequence)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

CREATE UNIQUE INDEX webhook_deliveries_by_id ON gatehouse.webhook_deliveries (id);
CREATE INDEX webhook_deliveries_due ON gatehouse.webhook_deliveries (webhook, due) WHERE due IS NOT NULL;
CREATE INDEX webhook_deliveries_asked ON gatehouse.webhook_deliveries (webhook, due) WHERE asked;
CREATE INDEX webhook_deliveries_undelivered ON gatehouse.webhook_deliveries (webhook, customer, sequence)
    WHERE delivered_at IS NULL;
CREATE INDEX webhook_deliveries_delivered ON gatehouse.webhook_deliveries (delivered_at)
    WHERE delivered_at IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON gatehouse.webhook_cursors, gatehouse.webhook_deliveries TO gatehouse_service;

-- A webhook's key ends with the webhook, as a customer's does with an erasure; the log must tell of either.
CREATE OR REPLACE FUNCTION gatehouse.refuse_unrecorded() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM gatehouse.stored_events
        WHERE originator_id = NEW.subject AND topic IN ('SubjectErased', 'WebhookRemoved')
    ) THEN
        RAISE EXCEPTION 'the log does not tell of this erasure' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END
$$;
