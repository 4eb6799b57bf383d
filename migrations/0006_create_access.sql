-- Who may do what: people and programs, their roles, and the sessions of people who signed in with a password. A token
-- becomes one of a principal's. Each that exists gets a service account of its name with the role that it had.

-- +goose Up

CREATE TABLE principal (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('user', 'service_account')),
    name          text NOT NULL CHECK (name <> ''),
    display_name  text NOT NULL DEFAULT '',
    email         text NOT NULL DEFAULT '',
    password_hash text CHECK (kind = 'user' OR password_hash IS NULL), -- argon2id in the PHC string format; NULL: cannot sign in with a password
    disabled_at   timestamptz,                -- NULL: may act
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    last_login_at timestamptz
);

-- Two names that differ only in case would be taken for each other. Finds who signs in.
CREATE UNIQUE INDEX principal_name ON principal (lower(name));

CREATE TABLE role (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (name <> ''),
    description text NOT NULL DEFAULT '',
    permissions text[] NOT NULL DEFAULT '{}', -- of a built-in role the program knows them
    scoped      boolean NOT NULL DEFAULT false, -- only for machines with one of the tags in role_tag; without any left: for none
    built_in    boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (NOT (built_in AND scoped))
);

INSERT INTO role (name, description, built_in) VALUES
    ('viewer', 'Reads everything but accounts, the audit log and enrolment secrets.', true),
    ('operator', 'Also edits what is about machines: snapshots, tags, taxonomies, checks.', true),
    ('admin', 'Everything.', true);

-- The scope of a role. A deleted tag leaves it, and scoped stays: no role ever gets wider by that.
CREATE TABLE role_tag (
    role bigint NOT NULL REFERENCES role ON DELETE CASCADE,
    tag  bigint NOT NULL REFERENCES tag ON DELETE CASCADE,
    PRIMARY KEY (role, tag)
);

-- Finds the rows of a tag that is deleted.
CREATE INDEX role_tag_tag ON role_tag (tag);

CREATE TABLE principal_role (
    principal bigint NOT NULL REFERENCES principal ON DELETE CASCADE,
    role      bigint NOT NULL REFERENCES role,
    PRIMARY KEY (principal, role)
);

-- Finds who has a role that is to be deleted.
CREATE INDEX principal_role_role ON principal_role (role);

CREATE TABLE session (
    digest       bytea PRIMARY KEY,
    principal    bigint NOT NULL REFERENCES principal ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz
);

-- Finds the sessions of somebody whose password changed.
CREATE INDEX session_principal ON session (principal);

-- How often signing in failed lately, by name and by address, for all aggregators together.
CREATE TABLE login_throttle (
    subject       bytea PRIMARY KEY, -- SHA-256 of the kind of subject and the name or address: what people type by mistake is not kept
    failures      integer NOT NULL,
    blocked_until timestamptz, -- NULL: may be tried
    last_at       timestamptz NOT NULL
);

-- Finds what is old enough to forget.
CREATE INDEX login_throttle_last_at ON login_throttle (last_at);

ALTER TABLE api_token ADD COLUMN principal bigint REFERENCES principal ON DELETE CASCADE;

-- Of names that differ only in case the oldest stays as it is; the others get the token's id behind them.
INSERT INTO principal (kind, name, created_at)
SELECT 'service_account', CASE WHEN row_number() OVER same = 1 THEN name ELSE name || ' ' || id::text END, created_at
FROM api_token
WINDOW same AS (PARTITION BY lower(name) ORDER BY created_at, id);

UPDATE api_token t SET principal = p.id
FROM principal p
WHERE p.name = t.name OR p.name = t.name || ' ' || t.id::text;

INSERT INTO principal_role (principal, role)
SELECT t.principal, r.id FROM api_token t JOIN role r ON r.name = t.role;

-- The name of a token is its principal's own business: two may have one of the same name.
ALTER TABLE api_token
    ALTER COLUMN principal SET NOT NULL,
    DROP COLUMN role,
    DROP CONSTRAINT api_token_name_key,
    ADD CONSTRAINT api_token_principal_name_key UNIQUE (principal, name);
