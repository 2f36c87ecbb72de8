-- Processes that begin a new database at once agree on its first master key, one after the other: two who insert the
-- same row at one moment could meet in `master_keys_current` before they meet in the primary key.

CREATE OR REPLACE FUNCTION gatehouse.begin_master(master bytea) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    LOCK TABLE gatehouse.master_keys IN SHARE ROW EXCLUSIVE MODE;
    UPDATE gatehouse.master_keys SET current = false WHERE current AND id <> master
        AND NOT EXISTS (SELECT FROM gatehouse.master_keys WHERE id = master AND retired_at IS NOT NULL);
    INSERT INTO gatehouse.master_keys AS known (id, current) VALUES (master, true)
        ON CONFLICT (id) DO UPDATE SET current = true WHERE NOT known.current AND known.retired_at IS NULL;
    UPDATE gatehouse.key_checks SET check_value = (SELECT id FROM gatehouse.master_keys WHERE current)
        WHERE name = 'master'
$$;
