-- What a check says beyond its expression, every definition it ever had, who is let off for a while, the overall status
-- of machines, and what became of a check day by day.

-- +goose Up

ALTER TABLE jmespath_check
    ADD COLUMN severity text NOT NULL DEFAULT 'medium' CHECK (severity IN ('info', 'low', 'medium', 'high', 'critical')),
    ADD COLUMN labels text[] NOT NULL DEFAULT '{}',        -- references such as 'CIS 1.2.3'
    ADD COLUMN evaluated_version integer NOT NULL DEFAULT 0; -- version that was evaluated over the whole fleet; below version: one waits for it
UPDATE jmespath_check SET evaluated_version = version;

-- The definition of each version of a check, as it was named last; kept for a while after the check is gone, because
-- events name it.
CREATE TABLE check_definition (
    check_id            bigint NOT NULL,
    version             integer NOT NULL,
    compliance_check_id bigint NOT NULL,
    name                text NOT NULL,
    description         text NOT NULL,
    source_name         text NOT NULL,
    platforms           text[] NOT NULL,
    tags                json NOT NULL,   -- [{"id": …, "name": …, "taxonomy": …}], taxonomy by its name
    jmespath_expression text NOT NULL,
    severity            text NOT NULL,
    labels              text[] NOT NULL,
    at                  timestamptz NOT NULL DEFAULT now(),
    deleted_at          timestamptz,
    PRIMARY KEY (check_id, version)
);
INSERT INTO check_definition (check_id, version, compliance_check_id, name, description, source_name, platforms, tags,
    jmespath_expression, severity, labels)
SELECT c.id, c.version, c.compliance_check_id, c.name, c.description, c.source_name, c.platforms,
    coalesce((SELECT json_agg(json_build_object('id', t.id, 'name', t.name, 'taxonomy', x.name) ORDER BY t.id)
              FROM tag t LEFT JOIN taxonomy x ON x.id = t.taxonomy WHERE t.id = ANY (c.tags)), '[]'),
    c.jmespath_expression, c.severity, c.labels
FROM jmespath_check c;

-- A machine is let off a check until a day: the status stays what it is, but does not count.
CREATE TABLE waiver (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    check_id   bigint NOT NULL REFERENCES jmespath_check ON DELETE CASCADE,
    machine    bigint NOT NULL REFERENCES machine,
    owner      text NOT NULL CHECK (owner <> ''),
    reason     text NOT NULL CHECK (reason <> ''),
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL DEFAULT '',
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz, -- when it was noticed that it has expired
    UNIQUE (check_id, machine)
);
-- Finds the waivers of a machine, for its overall status.
CREATE INDEX waiver_machine ON waiver (machine);
-- Finds the waivers that expire, every minute.
CREATE INDEX waiver_expires_at ON waiver (expires_at) WHERE ended_at IS NULL;

-- The overall status of a machine: the worst of the statuses of its live heads that are not waived; NULL: there are none.
-- Locked last, after statuses, by machine.
CREATE TABLE machine_compliance (
    machine bigint PRIMARY KEY REFERENCES machine,
    status  smallint CHECK (status IN (0, 200, 300)),
    since   timestamptz NOT NULL DEFAULT now(),
    xid     xid8 NOT NULL DEFAULT '0' -- of the entry in the journal that told it: the next one comes behind that
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
INSERT INTO machine_compliance (machine, status)
SELECT s.machine, max(s.status) FROM check_status s JOIN head h ON h.id = s.head AND h.archived_at IS NULL GROUP BY s.machine;

-- How many machines a check found how at the end of each day, and how many were mended that day. Kept for a year.
CREATE TABLE check_history (
    check_id      bigint NOT NULL REFERENCES jmespath_check ON DELETE CASCADE,
    day           date NOT NULL,
    ok            integer NOT NULL DEFAULT 0,
    pending       integer NOT NULL DEFAULT 0,
    unknown       integer NOT NULL DEFAULT 0,
    failed        integer NOT NULL DEFAULT 0, -- waived ones left out
    waived        integer NOT NULL DEFAULT 0,
    fixed         integer NOT NULL DEFAULT 0, -- FAILED to OK
    fixed_seconds bigint NOT NULL DEFAULT 0,  -- how long those had failed, added up
    PRIMARY KEY (check_id, day)
);

-- How far the journal was read for what was mended, and in which life of the database.
CREATE TABLE check_history_cursor (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch    uuid NOT NULL,
    xid      xid8 NOT NULL,
    id       bigint NOT NULL
);

-- Machines whose tags changed and that are not judged again yet.
CREATE TABLE pending_evaluation (
    machine bigint PRIMARY KEY REFERENCES machine,
    at      timestamptz NOT NULL DEFAULT now()
);
