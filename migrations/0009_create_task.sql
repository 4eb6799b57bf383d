-- Background tasks that somebody asked for: what they are about, how far they are, what they left behind. The queue itself
-- (river_…) forgets a job soon after its end.

-- +goose Up

CREATE TABLE task (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job        bigint NOT NULL,                     -- of the queue; another one after a crash
    kind       text NOT NULL CHECK (kind <> ''),    -- what the queue calls it
    name       text NOT NULL CHECK (name <> ''),    -- what the API calls it
    args       json NOT NULL,
    owner_kind text NOT NULL,                       -- user, service_account …; system: nobody asked for it
    owner_id   bigint,                              -- NULL: it is none of them
    owner_name text NOT NULL,
    needs      text[] NOT NULL DEFAULT '{}',        -- permissions that its file takes
    scope      json NOT NULL,                       -- the machines that it tells of
    status     text NOT NULL DEFAULT 'PENDING'
        CHECK (status IN ('PENDING', 'STARTED', 'RETRY', 'SUCCESS', 'FAILURE', 'REVOKED')),
    runs       integer NOT NULL DEFAULT 0,          -- how often it was begun
    done       bigint NOT NULL DEFAULT 0,
    total      bigint NOT NULL DEFAULT 0,           -- what is expected; 0: not known
    result     json,
    file       text,                                -- its name in the folder of exports
    headers    json,                                -- of the download
    error      text NOT NULL DEFAULT '',            -- of the last run that failed
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,                         -- of the last run
    beat_at    timestamptz,                         -- when the last run was last seen alive
    ended_at   timestamptz,
    expires_at timestamptz,                         -- when the row and its file go
    CHECK ((ended_at IS NOT NULL) = (status IN ('SUCCESS', 'FAILURE', 'REVOKED'))),
    CHECK ((ended_at IS NULL) = (expires_at IS NULL))
);

-- task list of one owner
CREATE INDEX task_owner ON task (owner_kind, owner_id, created_at, id);
-- runs whose aggregator died
CREATE INDEX task_started ON task (id) WHERE status = 'STARTED';
-- rows to be forgotten, and files to be kept
CREATE INDEX task_expires ON task (expires_at) WHERE ended_at IS NOT NULL;
CREATE INDEX task_file ON task (file) WHERE file IS NOT NULL;
