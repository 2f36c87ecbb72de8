-- The Merkle tree over the log, in tiles (C2SP tlog-tiles): `hashes` are up to 256 of 32 bytes, one after another.

CREATE TABLE gatehouse.tiles (
    level smallint NOT NULL,
    index bigint NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (level, index)
);

-- Hashes do not compress, and single ones are cut out.
ALTER TABLE gatehouse.tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- A tile only grows: what is in it was signed for.
CREATE FUNCTION gatehouse.refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF substr(NEW.hashes, 1, length(OLD.hashes)) <> OLD.hashes THEN
        RAISE EXCEPTION 'a tile only grows' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tiles_grow BEFORE UPDATE ON gatehouse.tiles
    FOR EACH ROW EXECUTE FUNCTION gatehouse.refuse_rewriting();
CREATE TRIGGER tiles_stay BEFORE DELETE ON gatehouse.tiles
    FOR EACH STATEMENT EXECUTE FUNCTION gatehouse.refuse_change();
CREATE TRIGGER tiles_stay_all BEFORE TRUNCATE ON gatehouse.tiles
    FOR EACH STATEMENT EXECUTE FUNCTION gatehouse.refuse_change();
ALTER TABLE gatehouse.tiles ENABLE ALWAYS TRIGGER tiles_grow;
ALTER TABLE gatehouse.tiles ENABLE ALWAYS TRIGGER tiles_stay;
ALTER TABLE gatehouse.tiles ENABLE ALWAYS TRIGGER tiles_stay_all;

-- How many entries the tree has, and where it stands still if the next event is no entry.
CREATE TABLE gatehouse.tree (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    size bigint NOT NULL,
    stopped_at bigint,
    fault text
);
INSERT INTO gatehouse.tree (size) VALUES (0);

-- Checkpoints, exports and keys are found by their type, newest first.
CREATE INDEX stored_events_evidence_idx ON gatehouse.stored_events (topic, notification_id)
    WHERE topic IN ('SigningKeyAnnounced', 'CheckpointPublished', 'ExportProduced', 'MasterKeyRotated');

GRANT SELECT, INSERT, UPDATE ON gatehouse.tiles TO gatehouse_service;
GRANT SELECT, UPDATE ON gatehouse.tree TO gatehouse_service;
