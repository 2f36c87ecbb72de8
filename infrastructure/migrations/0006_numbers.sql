-- One size of number in all read models: COPY's binary format converts nothing.

ALTER TABLE gatehouse.worklist ALTER COLUMN attempt TYPE bigint;
