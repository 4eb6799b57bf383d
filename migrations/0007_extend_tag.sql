-- Tags as the API has them: of a taxonomy, with a slug and a colour, and the taxonomies themselves. An existing tag gets
-- the slug of its name; where two names have the same one, the older tag keeps it and the other has none until it is
-- renamed.

-- +goose Up

CREATE TABLE taxonomy (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meta_business_unit bigint REFERENCES meta_business_unit,
    name               text NOT NULL UNIQUE CHECK (name <> ''),
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE tag
    ADD COLUMN taxonomy bigint REFERENCES taxonomy ON DELETE CASCADE,
    ADD COLUMN meta_business_unit bigint REFERENCES meta_business_unit,
    ADD COLUMN slug text NOT NULL DEFAULT '', -- see store.Slugify
    ADD COLUMN color text NOT NULL DEFAULT '0079bf' CHECK (color ~ '^[0-9a-fA-F]{6}$');

WITH ascii AS (
    SELECT id, lower(regexp_replace(normalize(name, NFKD), '[^\x01-\x7f]', '', 'g')) AS name FROM tag
), slugs AS (
    SELECT id, btrim(regexp_replace(regexp_replace(name, '[^a-z0-9_\t\n\v\f\r\x1c-\x1f -]', '', 'g'), '[\t\n\v\f\r\x1c-\x1f -]+', '-', 'g'), '-_') AS slug
    FROM ascii
), oldest AS (
    SELECT DISTINCT ON (slug) id, slug FROM slugs ORDER BY slug, id
)
UPDATE tag t SET slug = o.slug FROM oldest o WHERE t.id = o.id;

-- Two tags never share a slug, but for names that have none.
CREATE UNIQUE INDEX tag_slug ON tag (slug) WHERE slug <> '';
-- Finds the machines of a tag: to delete it, and for roles and lists that are limited to tags.
CREATE INDEX machine_tag_tag ON machine_tag (tag);

ALTER TABLE meta_business_unit ADD COLUMN api_enrollment_enabled boolean NOT NULL DEFAULT false;
