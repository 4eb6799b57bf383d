-- Events are read from the journal: what the change log does not tell stands in its body. How far each sink has come,
-- what it could not deliver, and the sinks that are managed over the API.

-- +goose Up

ALTER TABLE journal ADD COLUMN body json; -- by what: internal/feed reads it, docs/events.md describes it
ALTER TABLE journal DROP CONSTRAINT journal_what_check;
ALTER TABLE journal ADD CONSTRAINT journal_what_check
    CHECK (what IN ('commit', 'archive', 'revive', 'prune', 'tag', 'status', 'compliance', 'check', 'machine', 'conflict', 'audit', 'event')) NOT VALID;

-- When a change saw the machine, where its source said so itself: the heartbeat of that time is the change's.
ALTER TABLE head ADD COLUMN told_at timestamptz;

-- Who made a request, and how; NULL: nobody did.
ALTER TABLE audit ADD COLUMN request json;

-- A webhook with a filter.
CREATE TABLE probe (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (name <> ''),
    description text NOT NULL DEFAULT '',
    enabled     boolean NOT NULL DEFAULT true,
    url         text NOT NULL CHECK (url <> ''),
    secret      text NOT NULL,            -- 'whsec_…': signatures need it as it is
    previous_secret text,                 -- signs too until then, so that a receiver can be given the new one at leisure
    previous_until  timestamptz,
    filter      json NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

-- How far a sink has delivered, and which aggregator delivers for it.
CREATE TABLE sink (
    name        text PRIMARY KEY,         -- 'file.NAME', 'webhook.NAME' of the configuration, 'probe.ID'
    epoch       uuid NOT NULL,            -- of the database that the position belongs to
    xid         xid8 NOT NULL,
    id          bigint NOT NULL,
    holder      uuid,
    lease_until timestamptz,
    delivered   bigint NOT NULL DEFAULT 0,
    attempts    bigint NOT NULL DEFAULT 0,
    failures    bigint NOT NULL DEFAULT 0,
    last_error  text NOT NULL DEFAULT '',
    disabled_at timestamptz,              -- the receiver said that it is gone
    missed_at   timestamptz,              -- it lagged behind for so long that entries were trimmed unread
    updated_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- Events that a sink gave up.
CREATE TABLE dead_letter (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sink        text NOT NULL,
    event_id    text NOT NULL,            -- batch and index
    type        text NOT NULL,
    machine     bigint,
    serial_number text NOT NULL DEFAULT '',
    happened_at timestamptz NOT NULL,     -- the event
    at          timestamptz NOT NULL DEFAULT now(), -- given up
    attempts    integer NOT NULL,
    last_error  text NOT NULL,
    event       json NOT NULL,
    replay_at   timestamptz,              -- somebody wants it delivered again
    UNIQUE (sink, event_id)
);
-- Finds what whoever delivers for a sink has to deliver again.
CREATE INDEX dead_letter_replay ON dead_letter (sink, id) WHERE replay_at IS NOT NULL;
