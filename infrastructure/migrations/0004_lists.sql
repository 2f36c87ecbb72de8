-- Lists for officers and auditors, who see all partners' customers: they too read a page, not the table.

CREATE UNIQUE INDEX customers_of_all_by_age ON gatehouse.customers (registered_position);
CREATE INDEX customers_of_all_by_status ON gatehouse.customers (status, registered_position);

-- What is nearly unique serves both when it comes first.
DROP INDEX gatehouse.customers_by_external_id;
CREATE INDEX customers_by_external_id ON gatehouse.customers (external_id, partner, registered_position);
DROP INDEX gatehouse.customers_by_wallet;
CREATE INDEX customers_by_wallet ON gatehouse.customers (wallet, partner, registered_position);
