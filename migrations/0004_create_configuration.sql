-- Collection configurations: what agents collect and how often, decided here and delivered with a check-in.

-- +goose Up

CREATE TABLE configuration (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name             text NOT NULL UNIQUE CHECK (name <> ''), -- the one called default is for enrolments that name none
    version          bigint NOT NULL UNIQUE,
    interval_seconds integer CHECK (interval_seconds > 0), -- NULL: as the aggregator's flag says
    collectors       json NOT NULL,                        -- settings by the collector's name
    ec2_metadata     boolean NOT NULL,
    ec2_tags         boolean NOT NULL,
    fact_keys        text[],                               -- NULL: all
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);

-- One row, raised by every change of a configuration or of who has which; aggregators ask for it every few seconds. It
-- follows the clock, so that a database set back to a backup does not give an old version to new content.
CREATE TABLE configuration_version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  bigint NOT NULL
);
INSERT INTO configuration_version (version) VALUES (0);

ALTER TABLE enrollment ADD COLUMN configuration bigint REFERENCES configuration; -- NULL: the default one
