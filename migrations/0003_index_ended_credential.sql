-- Aggregators keep credentials in memory and ask every few seconds which ones ended meanwhile.

-- +goose Up

-- Finds the credentials that were frozen or revoked since a moment.
CREATE INDEX credential_ended ON credential (greatest(frozen_at, revoked_at)) WHERE frozen_at IS NOT NULL OR revoked_at IS NOT NULL;
