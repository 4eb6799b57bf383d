-- The business unit of each head, for filters and exports.

-- +goose Up

ALTER TABLE head_summary ADD COLUMN business_unit bigint REFERENCES business_unit; -- NULL: none
