-- What waits, or waited, for officers: holds, alerts, and proposals to reject.

CREATE TABLE gatehouse.reviews (
    customer uuid NOT NULL,
    position bigint NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    opened bigint,
    since timestamptz,
    reasons text NOT NULL,
    evidence text NOT NULL,
    officer text,
    expires_at timestamptz,
    closed_at timestamptz,
    closed_by text,
    PRIMARY KEY (customer, position)
);

CREATE INDEX reviews_by_id ON gatehouse.reviews (id);
CREATE INDEX reviews_open ON gatehouse.reviews (opened) WHERE opened IS NOT NULL AND closed_at IS NULL;
CREATE INDEX reviews_open_by_kind ON gatehouse.reviews (kind, opened) WHERE opened IS NOT NULL AND closed_at IS NULL;
CREATE INDEX reviews_expiring ON gatehouse.reviews (expires_at) WHERE expires_at IS NOT NULL AND closed_at IS NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON gatehouse.reviews TO gatehouse_service;
