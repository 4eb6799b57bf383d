-- Enrolments as the deployment endpoints have them: for whom they are, in which version, with secrets that readers may
-- see; and business units, which machines' trees name and which belong to meta business units.

-- +goose Up

-- What agents and sources call a business unit. The key leaves its name out, so that a unit which is renamed stays one.
CREATE TABLE business_unit (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key                text NOT NULL UNIQUE CHECK (key ~ '^[0-9a-f]{40}$'), -- SHA-1 over reference and source
    source_module      text NOT NULL,
    source_name        text NOT NULL,
    source_config      text NOT NULL DEFAULT '', -- canonical JSON, empty when the source has none
    reference          text NOT NULL,
    name               text NOT NULL,
    meta_business_unit bigint NOT NULL REFERENCES meta_business_unit ON DELETE CASCADE,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now()
);
-- Finds the units of a meta business unit: lists, filters and its deletion.
CREATE INDEX business_unit_meta_business_unit ON business_unit (meta_business_unit);

CREATE TABLE osquery_configuration (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name               text NOT NULL UNIQUE CHECK (name <> ''),
    description        text NOT NULL DEFAULT '',
    inventory          boolean NOT NULL,
    inventory_apps     boolean NOT NULL,
    inventory_ec2      boolean NOT NULL,
    inventory_interval integer NOT NULL, -- seconds
    options            json NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE munki_configuration (
    id                                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version                             integer NOT NULL DEFAULT 0,
    name                                text NOT NULL UNIQUE CHECK (name <> ''),
    description                         text NOT NULL DEFAULT '',
    inventory_apps_full_info_shard      integer NOT NULL, -- percent
    principal_user_detection_sources    text[] NOT NULL,
    principal_user_detection_domains    text[] NOT NULL,
    collected_condition_keys            text[] NOT NULL,
    managed_installs_sync_interval_days integer NOT NULL,
    script_checks_run_interval_seconds  integer NOT NULL,
    auto_reinstall_incidents            boolean NOT NULL,
    auto_failed_install_incidents       boolean NOT NULL,
    created_at                          timestamptz NOT NULL DEFAULT now(),
    updated_at                          timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE enrollment
    ADD COLUMN purpose               text NOT NULL DEFAULT 'rollcall' CHECK (purpose IN ('rollcall', 'osquery', 'munki')),
    ADD COLUMN version               integer NOT NULL DEFAULT 1 CHECK (version > 0),
    ADD COLUMN updated_at            timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN serial_numbers        text[] NOT NULL DEFAULT '{}', -- empty: every machine
    ADD COLUMN udids                 text[] NOT NULL DEFAULT '{}', -- empty: every machine
    ADD COLUMN secret                text, -- NULL: shown once and not stored
    ADD COLUMN osquery_release       text NOT NULL DEFAULT '',
    ADD COLUMN osquery_configuration bigint REFERENCES osquery_configuration,
    ADD COLUMN munki_configuration   bigint REFERENCES munki_configuration,
    ADD COLUMN deleted_at            timestamptz; -- machines came through it: the row stays, and lets nobody in
UPDATE enrollment SET updated_at = created_at;

-- Machines that enrolled before report the unit of their enrolment already: it becomes a row. The key takes SHA-1, which
-- PostgreSQL does not have.
-- +goose StatementBegin
CREATE FUNCTION pg_temp.sha1(message bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    mask CONSTANT bigint := 4294967295;
    h bigint[] := ARRAY[1732584193, 4023233417, 2562383102, 271733878, 3285377520];
    v bigint[];
    w bigint[];
    f bigint;
    k bigint;
    x bigint;
    padded bytea := message || '\x80'::bytea || decode(repeat('00', (119 - length(message) % 64) % 64), 'hex')
        || int8send(length(message)::bigint * 8);
BEGIN
    FOR block IN 0 .. length(padded) / 64 - 1 LOOP
        w := '{}';
        FOR t IN 0 .. 79 LOOP
            IF t < 16 THEN
                x := 0;
                FOR i IN 0 .. 3 LOOP
                    x := (x << 8) | get_byte(padded, block * 64 + t * 4 + i);
                END LOOP;
            ELSE
                x := w[t - 2] # w[t - 7] # w[t - 13] # w[t - 15]; -- arrays begin with 1
                x := ((x << 1) | (x >> 31)) & mask;
            END IF;
            w := w || x;
        END LOOP;
        v := h;
        FOR t IN 0 .. 79 LOOP
            CASE t / 20
                WHEN 0 THEN f := (v[2] & v[3]) | ((mask # v[2]) & v[4]); k := 1518500249;
                WHEN 1 THEN f := v[2] # v[3] # v[4]; k := 1859775393;
                WHEN 2 THEN f := (v[2] & v[3]) | (v[2] & v[4]) | (v[3] & v[4]); k := 2400959708;
                ELSE f := v[2] # v[3] # v[4]; k := 3395469782;
            END CASE;
            x := ((((v[1] << 5) | (v[1] >> 27)) & mask) + f + v[5] + k + w[t + 1]) & mask;
            v := ARRAY[x, v[1], ((v[2] << 30) | (v[2] >> 2)) & mask, v[3], v[4]];
        END LOOP;
        FOR i IN 1 .. 5 LOOP
            h[i] := (h[i] + v[i]) & mask;
        END LOOP;
    END LOOP;
    RETURN (SELECT string_agg(lpad(to_hex(part), 8, '0'), '' ORDER BY n) FROM unnest(h) WITH ORDINALITY AS u(part, n));
END
$$;
-- +goose StatementEnd

INSERT INTO business_unit (key, source_module, source_name, reference, name, meta_business_unit)
SELECT pg_temp.sha1(convert_to('referenceMBU' || u.id || 'source'
           || pg_temp.sha1(convert_to('modulezentral.contrib.inventorynameinventory', 'UTF8')), 'UTF8')),
       'zentral.contrib.inventory', 'inventory', 'MBU' || u.id, 'MBU' || u.id, u.id
FROM meta_business_unit u
WHERE EXISTS (SELECT FROM enrollment e WHERE e.meta_business_unit = u.id)
ORDER BY u.id;
