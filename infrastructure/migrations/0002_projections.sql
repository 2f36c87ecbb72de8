-- Read models: each can be dropped and built again from the log.

CREATE TABLE gatehouse.tracking (
    projection text PRIMARY KEY,
    position bigint NOT NULL,
    stopped_at bigint,
    fault text
);

CREATE TABLE gatehouse.customers (
    id uuid PRIMARY KEY,
    partner uuid NOT NULL,
    external_id text NOT NULL,
    chain_id text NOT NULL,
    wallet text NOT NULL,
    status text NOT NULL,
    detail text NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    registered_position bigint NOT NULL
);

CREATE UNIQUE INDEX customers_by_age ON gatehouse.customers (partner, registered_position);
CREATE INDEX customers_by_status ON gatehouse.customers (partner, status, registered_position);
CREATE INDEX customers_by_external_id ON gatehouse.customers (partner, external_id, registered_position);
CREATE INDEX customers_by_wallet ON gatehouse.customers (partner, wallet, registered_position);

CREATE TABLE gatehouse.timeline (
    customer uuid NOT NULL,
    position bigint NOT NULL,
    version bigint NOT NULL,
    type text NOT NULL,
    recorded_at timestamptz NOT NULL,
    occurred_at timestamptz NOT NULL,
    actor text NOT NULL,
    what text NOT NULL,
    why text NOT NULL,
    PRIMARY KEY (customer, position)
);

-- What has to be done next, derived from the log. The lease is a worker's and is not derived.
CREATE TABLE gatehouse.worklist (
    customer uuid PRIMARY KEY,
    kind text NOT NULL,
    attempt int NOT NULL,
    due timestamptz,
    wallet text NOT NULL,
    caused_by uuid NOT NULL,
    correlation uuid NOT NULL,
    leased_until timestamptz,
    leased_step text
);

CREATE INDEX worklist_due ON gatehouse.worklist (due) WHERE due IS NOT NULL;

-- What the sandbox's own source and provider are told to answer. Rehearsals only; unused in production.
CREATE TABLE gatehouse.sandbox_scripts (
    customer uuid NOT NULL,
    step text NOT NULL,
    outcome text NOT NULL,
    PRIMARY KEY (customer, step)
);

-- The sanctions lists that were adopted, for exact matching.
CREATE TABLE gatehouse.sanctioned_addresses (
    list_hash text NOT NULL,
    address text NOT NULL,
    profile text NOT NULL,
    currency text NOT NULL,
    PRIMARY KEY (list_hash, address, profile, currency)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON gatehouse.tracking, gatehouse.customers, gatehouse.timeline,
    gatehouse.worklist, gatehouse.sandbox_scripts TO gatehouse_service;
GRANT SELECT, INSERT ON gatehouse.sanctioned_addresses TO gatehouse_service;
