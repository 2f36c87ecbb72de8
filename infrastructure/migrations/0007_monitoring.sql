-- Customers that are in stay on the worklist, for their next look: it is derived anew from the log.

DELETE FROM gatehouse.worklist;
UPDATE gatehouse.tracking SET position = 0, stopped_at = NULL, fault = NULL WHERE projection = 'worklist';

-- Whom a new sanctions list names.
CREATE INDEX customers_by_canonical_wallet ON gatehouse.customers (wallet);
