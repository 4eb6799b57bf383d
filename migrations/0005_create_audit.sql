-- What people and programs changed, and what it was before. Rows are only ever added.

-- +goose Up

CREATE TABLE audit (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor_kind  text NOT NULL, -- user, service_account, command_line; system: nobody asked for it
    actor_id    bigint,        -- of the principal; NULL: it is none
    actor_name  text NOT NULL,
    action      text NOT NULL CHECK (action <> ''), -- created, updated, deleted …
    object      text NOT NULL CHECK (object <> ''), -- tag, machine, enrollment …
    object_id   text NOT NULL,
    object_name text NOT NULL,
    before      json,          -- NULL: there was nothing
    after       json           -- NULL: there is nothing any more
) WITH (autovacuum_vacuum_insert_scale_factor = 0.1);

-- audit list of one object
CREATE INDEX audit_object ON audit (object, object_id, id);

-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME;
END $$;
-- +goose StatementEnd

CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
