-- Customers that are in stay on the worklist, for their next look: it is derived anew from the log.

DELETE FROM gatehouse.worklist;
UPDATE gatehouse.tracking SET position = 0, stopped_at = NULL, fault = NULL WHERE projection = 'worklist';

-- Whom a new sanctions list names.
CREATE INDEX customers_by_canonical_wallet ON gatehouse.customers (wallet);

-- Results that are asked for where a callback may be lost. They are many (everybody who does not finish), and each is
-- asked for again and again: they have an index of their own, in the order of the next time, and stand in nobody's way.
CREATE INDEX worklist_polls ON gatehouse.worklist ((greatest(due, leased_until))) WHERE kind = 'await_verification';
DROP INDEX gatehouse.worklist_due;
CREATE INDEX worklist_due ON gatehouse.worklist (due) WHERE due IS NOT NULL AND kind NOT IN ('await_verification', 'monitor');

-- Daily looks are as many as customers, and wait for whoever is on the way in.
CREATE INDEX worklist_looks ON gatehouse.worklist (due) WHERE kind = 'monitor';
