-- Who uses a machine, found by name, and from when on history is whole once it was cleaned up.

-- +goose Up

-- The principal user that the current snapshot of a head names; written by the commit that changes it. What lies in the
-- sections of heads from before is read by a task: see store.BackfillPrincipalUsers.
CREATE TABLE head_principal_user (
    head           bigint PRIMARY KEY REFERENCES head ON DELETE CASCADE,
    unique_id      text NOT NULL DEFAULT '',
    principal_name text NOT NULL DEFAULT '',
    display_name   text NOT NULL DEFAULT ''
) WITH (fillfactor = 90);
-- Find the machines of a user. Hashes, because a reported name may be longer than a B-tree takes.
CREATE INDEX head_principal_user_unique_id ON head_principal_user USING hash (unique_id);
CREATE INDEX head_principal_user_principal_name ON head_principal_user USING hash (principal_name);

-- One row while heads from before are left: the last one that was read.
CREATE TABLE principal_user_backfill (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    after    bigint NOT NULL
);
INSERT INTO principal_user_backfill (after) SELECT 0 WHERE EXISTS (SELECT FROM head);

-- One row: changes before this moment were deleted, but for the newest of each head; NULL: none were. Whole weeks are
-- dropped without it.
CREATE TABLE history_floor (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    at       timestamptz
);
INSERT INTO history_floor (at) VALUES (NULL);
