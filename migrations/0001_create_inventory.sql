-- The storage of docs/storage.md: a dictionary of shared assets, one head per machine and source, a log of changes cut
-- into weeks, and a journal that readers tail.

-- +goose Up

-- One row. A restored or failed-over database differs from it, and becomes a new epoch: caches and cursors made before
-- are worth nothing then.
CREATE TABLE database_epoch (
    only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    system_identifier bigint NOT NULL,
    timeline          integer NOT NULL,
    epoch             uuid NOT NULL,
    started_at        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE meta_business_unit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE CHECK (name <> ''),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The registry of machines, filled on first mention.
CREATE TABLE machine (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    serial_number text NOT NULL UNIQUE CHECK (serial_number <> ''),
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE source (
    id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    module text NOT NULL CHECK (module <> ''),
    name   text NOT NULL CHECK (name <> ''),
    config text NOT NULL DEFAULT '', -- canonical JSON, empty when the source has none
    UNIQUE (module, name, config)
);

CREATE TABLE tag (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE CHECK (name <> ''),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE machine_tag (
    machine bigint NOT NULL REFERENCES machine,
    tag     bigint NOT NULL REFERENCES tag ON DELETE CASCADE,
    PRIMARY KEY (machine, tag)
);

-- The fleet-wide dictionary of shared assets. body is the canonical body, byte for byte.
CREATE TABLE asset (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest  bytea NOT NULL CHECK (length(digest) = 32),
    kind    text NOT NULL,
    name    text NOT NULL DEFAULT '',
    version text NOT NULL DEFAULT '',
    body    json NOT NULL
);
-- Finds assets by what the wire carries of their digest; unique, so that two digests never share an id.
CREATE UNIQUE INDEX asset_id16 ON asset (substr(digest, 1, 16));
-- Finds software by kind and name.
CREATE INDEX asset_kind_name ON asset (kind, name);

-- The current snapshot of a machine and source. No index on what a check-in writes, so that its update stays HOT.
CREATE TABLE head (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    machine        bigint NOT NULL REFERENCES machine,
    source         integer NOT NULL REFERENCES source,
    root           bytea NOT NULL CHECK (length(root) = 32),
    seq            bigint NOT NULL CHECK (seq > 0),
    commits        bigint NOT NULL CHECK (commits > 0),
    first_at       timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL,
    last_seen      timestamptz NOT NULL,
    archived_at    timestamptz,
    agent_instance bytea NOT NULL DEFAULT '',
    counter        bigint NOT NULL DEFAULT 0,
    resumed        bytea NOT NULL DEFAULT '', -- agent process that was there before one that took over, and came back as this one
    UNIQUE (machine, source)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

-- Agent processes of a head that a later one took over from, newest first: what tells a clone from a restart.
CREATE TABLE head_instance (
    head     bigint NOT NULL REFERENCES head ON DELETE CASCADE,
    instance bytea NOT NULL,
    since    bigint NOT NULL, -- first counter of the instance that took over
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (head, instance)
);

-- What people list and filter machines by; written when it changes.
CREATE TABLE head_summary (
    head           bigint PRIMARY KEY REFERENCES head ON DELETE CASCADE,
    computer_name  text NOT NULL DEFAULT '',
    platform       text NOT NULL DEFAULT '',
    type           text NOT NULL DEFAULT '',
    os_version     text NOT NULL DEFAULT '',
    hardware_model text NOT NULL DEFAULT ''
);

-- The members of a head's sections; internal/pack has the format. The row with the empty kind holds all small ones.
CREATE TABLE head_section (
    head   bigint NOT NULL REFERENCES head ON DELETE CASCADE,
    kind   text NOT NULL,
    base   bytea NOT NULL,
    tail   bytea NOT NULL DEFAULT '',
    digest bytea NOT NULL DEFAULT '',
    PRIMARY KEY (head, kind)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE head_section ALTER COLUMN base SET STORAGE EXTERNAL;
ALTER TABLE head_section ALTER COLUMN tail SET STORAGE MAIN;

-- One row per commit that changed something, append-only, cut into weeks by store.EnsurePartitions.
CREATE TABLE change (
    head  bigint NOT NULL,
    seq   bigint NOT NULL,
    at    timestamptz NOT NULL,
    root  bytea NOT NULL,
    kinds text[] NOT NULL,
    delta bytea NOT NULL,
    PRIMARY KEY (head, seq, at)
) PARTITION BY RANGE (at);

-- One row per transaction that changes what a reader may see. Readers tail it by (xid, id) below the oldest running
-- transaction: see store.Tail.
CREATE TABLE journal (
    xid     xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id      bigint GENERATED ALWAYS AS IDENTITY,
    at      timestamptz NOT NULL DEFAULT now(),
    what    text NOT NULL CHECK (what IN ('commit', 'archive', 'revive', 'prune', 'tag', 'status', 'check', 'machine', 'conflict')),
    machine bigint,
    head    bigint,
    seq     bigint,
    detail  text NOT NULL DEFAULT '',
    PRIMARY KEY (xid, id)
);

-- Values that move all the time, and how the agent is.
CREATE TABLE vitals (
    head bigint PRIMARY KEY REFERENCES head ON DELETE CASCADE,
    at   timestamptz NOT NULL,
    body json NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE agent_health (
    head bigint PRIMARY KEY REFERENCES head ON DELETE CASCADE,
    at   timestamptz NOT NULL,
    body json NOT NULL
);

CREATE TABLE enrollment (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name               text NOT NULL UNIQUE CHECK (name <> ''),
    secret_digest      bytea NOT NULL UNIQUE,
    meta_business_unit bigint REFERENCES meta_business_unit,
    tags               bigint[] NOT NULL DEFAULT '{}',
    quota              integer CHECK (quota > 0),
    request_count      integer NOT NULL DEFAULT 0,
    created_at         timestamptz NOT NULL DEFAULT now(),
    expires_at         timestamptz,
    revoked_at         timestamptz
);

-- What an agent proves its machine with. Several may live at once while one takes the place of another.
CREATE TABLE credential (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest      bytea NOT NULL UNIQUE,
    machine     bigint NOT NULL REFERENCES machine,
    enrollment  bigint REFERENCES enrollment,
    modules     text[] NOT NULL,
    evidence    bigint NOT NULL,          -- digest of the stable evidence, as in the protocol's Stamp
    identity    json NOT NULL,            -- the evidence itself
    instance    bytea NOT NULL DEFAULT '', -- agent process that enrolled
    created_at  timestamptz NOT NULL DEFAULT now(),
    used_at     timestamptz,              -- first use
    frozen_at   timestamptz,
    frozen_why  text NOT NULL DEFAULT '',
    newcomer    bytea NOT NULL DEFAULT '', -- agent process that has to enrol under another identity
    revoked_at  timestamptz
);
-- Finds the credentials of a machine: rotation, goodbye, prune.
CREATE INDEX credential_machine ON credential (machine);

CREATE TABLE api_token (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name         text NOT NULL UNIQUE CHECK (name <> ''),
    digest       bytea NOT NULL UNIQUE,
    role         text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);

CREATE TABLE jmespath_check (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    compliance_check_id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    name                text NOT NULL UNIQUE CHECK (name <> ''),
    description         text NOT NULL DEFAULT '',
    version             integer NOT NULL DEFAULT 1 CHECK (version > 0),
    source_name         text NOT NULL,
    platforms           text[] NOT NULL DEFAULT '{}',
    tags                bigint[] NOT NULL DEFAULT '{}',
    jmespath_expression text NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now()
);

-- One row, raised by whatever changes which checks apply to whom. A commit that was evaluated under an older generation
-- is evaluated again.
CREATE TABLE check_generation (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    generation bigint NOT NULL
);
INSERT INTO check_generation (generation) VALUES (1);

-- The result of a check for one machine. Its time is the head's last_seen while version and seq are current.
CREATE TABLE check_status (
    check_id        bigint NOT NULL REFERENCES jmespath_check ON DELETE CASCADE,
    machine         bigint NOT NULL REFERENCES machine,
    head            bigint NOT NULL REFERENCES head ON DELETE CASCADE,
    check_version   integer NOT NULL,
    head_seq        bigint NOT NULL,
    status          smallint NOT NULL CHECK (status IN (0, 200, 300)),
    previous_status smallint CHECK (previous_status IN (0, 200, 300)),
    since           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (check_id, machine)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
-- Finds the statuses of a machine, and those that an evaluation of a head replaces.
CREATE INDEX check_status_head ON check_status (head);

