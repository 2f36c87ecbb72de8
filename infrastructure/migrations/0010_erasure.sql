-- Erasure destroys a subject's key for good; a rotation wraps keys again, by another master key.
-- The service may do neither by UPDATE or DELETE: it has these functions, and nothing else, to do it with.

-- The master keys that wrap subjects' keys, by a digest. One is current: new keys are wrapped by no other.
CREATE TABLE gatehouse.master_keys (
    id bytea PRIMARY KEY,
    number int GENERATED ALWAYS AS IDENTITY,
    current boolean NOT NULL,
    retired_at timestamptz
);

CREATE UNIQUE INDEX master_keys_current ON gatehouse.master_keys (current) WHERE current;

INSERT INTO gatehouse.master_keys (id, current)
    SELECT check_value, true FROM gatehouse.key_checks WHERE name = 'master';

-- A key that was destroyed leaves its row: no other can be made for the subject. No master means the first one, which
-- is what the version before knows.
ALTER TABLE gatehouse.subject_keys
    ALTER COLUMN wrapped DROP NOT NULL,
    ADD COLUMN master bytea REFERENCES gatehouse.master_keys,
    ADD COLUMN destroyed_at timestamptz,
    ADD CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL));

-- Keys for a use of them. The rows stay locked until the transaction ends: that is how long they are not destroyed.
CREATE FUNCTION gatehouse.hold_keys(subjects uuid[])
RETURNS TABLE (subject uuid, wrapped bytea, master bytea)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.subject, k.wrapped, coalesce(k.master, (SELECT id FROM gatehouse.master_keys ORDER BY number LIMIT 1))
    FROM gatehouse.subject_keys k WHERE k.subject = ANY (subjects) ORDER BY k.subject FOR SHARE OF k
$$;

-- The same, made where there are none, if `master` is current. In one order everywhere, so that two writers who want
-- the same rows do not wait for each other.
CREATE FUNCTION gatehouse.make_keys(subjects uuid[], fresh bytea[], master bytea)
RETURNS TABLE (subject uuid, wrapped bytea, master bytea)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO gatehouse.subject_keys (subject, wrapped, master)
        SELECT made.subject, made.wrapped, m.id
        FROM unnest(subjects, fresh) AS made (subject, wrapped),
            (SELECT id FROM gatehouse.master_keys WHERE id = make_keys.master AND current FOR SHARE) AS m
        ORDER BY made.subject ON CONFLICT DO NOTHING;
    SELECT * FROM gatehouse.hold_keys(subjects)
$$;

-- Waits for every use of the keys, then leaves nothing of them, nor of what they opened. Whoever uses many keys at
-- once holds the advisory lock for all of them. The log must tell of it in the same transaction. It gives up soon:
-- others may be waiting to be appended with it.
CREATE FUNCTION gatehouse.destroy_keys(subjects uuid[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '250ms' AS $$
    INSERT INTO gatehouse.subject_keys (subject, destroyed_at)
        SELECT gone.subject, clock_timestamp() FROM unnest(subjects) AS gone (subject) ORDER BY gone.subject
        ON CONFLICT (subject) DO UPDATE SET wrapped = NULL, master = NULL, destroyed_at = excluded.destroyed_at;
    SELECT pg_advisory_xact_lock(7166152, 3);
    DELETE FROM gatehouse.evidence WHERE subject = ANY (subjects)
$$;

CREATE FUNCTION gatehouse.refuse_unrecorded() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM gatehouse.stored_events WHERE originator_id = NEW.subject AND topic = 'SubjectErased'
    ) THEN
        RAISE EXCEPTION 'the log does not tell of this erasure' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER erasure_on_record AFTER INSERT OR UPDATE ON gatehouse.subject_keys
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.wrapped IS NULL)
    EXECUTE FUNCTION gatehouse.refuse_unrecorded();
ALTER TABLE gatehouse.subject_keys ENABLE ALWAYS TRIGGER erasure_on_record;

-- Make a master key current, unless it is retired. It waits for keys that are being made: none is wrapped by the one
-- before it afterwards.
CREATE FUNCTION gatehouse.begin_master(master bytea) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE gatehouse.master_keys SET current = false WHERE current AND id <> master
        AND NOT EXISTS (SELECT FROM gatehouse.master_keys WHERE id = master AND retired_at IS NOT NULL);
    INSERT INTO gatehouse.master_keys AS known (id, current) VALUES (master, true)
        ON CONFLICT (id) DO UPDATE SET current = true WHERE NOT known.current AND known.retired_at IS NULL;
    UPDATE gatehouse.key_checks SET check_value = (SELECT id FROM gatehouse.master_keys WHERE current)
        WHERE name = 'master'
$$;

-- Keys that another than the current one wraps, from a subject on. Those that are in use are left for the next time.
CREATE FUNCTION gatehouse.keys_to_rewrap(beyond uuid, most int)
RETURNS TABLE (subject uuid, wrapped bytea, master bytea)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.subject, k.wrapped, coalesce(k.master, (SELECT id FROM gatehouse.master_keys ORDER BY number LIMIT 1))
    FROM gatehouse.subject_keys k
    WHERE k.subject > beyond AND k.wrapped IS NOT NULL
        AND k.master IS DISTINCT FROM (SELECT id FROM gatehouse.master_keys WHERE current)
    ORDER BY k.subject LIMIT most FOR UPDATE OF k SKIP LOCKED
$$;

CREATE FUNCTION gatehouse.rewrap_keys(subjects uuid[], again bytea[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE gatehouse.subject_keys k
    SET wrapped = made.wrapped, master = (SELECT id FROM gatehouse.master_keys WHERE current)
    FROM unnest(subjects, again) AS made (subject, wrapped) WHERE k.subject = made.subject AND k.wrapped IS NOT NULL
$$;

-- Retire the master keys that wrap nothing any more, and answer them.
CREATE FUNCTION gatehouse.retire_masters() RETURNS SETOF bytea
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE gatehouse.master_keys m SET retired_at = clock_timestamp()
    WHERE NOT m.current AND m.retired_at IS NULL AND NOT EXISTS (
        SELECT FROM gatehouse.subject_keys k WHERE k.wrapped IS NOT NULL
            AND k.master IS DISTINCT FROM (SELECT id FROM gatehouse.master_keys WHERE current)
    )
    RETURNING m.id
$$;

REVOKE EXECUTE ON FUNCTION gatehouse.hold_keys, gatehouse.make_keys, gatehouse.destroy_keys, gatehouse.begin_master,
    gatehouse.keys_to_rewrap, gatehouse.rewrap_keys, gatehouse.retire_masters FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gatehouse.hold_keys, gatehouse.make_keys, gatehouse.destroy_keys, gatehouse.begin_master,
    gatehouse.keys_to_rewrap, gatehouse.rewrap_keys, gatehouse.retire_masters TO gatehouse_service;
GRANT SELECT ON gatehouse.master_keys TO gatehouse_service;
