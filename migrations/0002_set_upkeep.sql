-- What background work needs: how far the journal was trimmed, and how PostgreSQL looks after the large tables. Nothing
-- here rewrites a table or waits for a commit: a running aggregator goes on working meanwhile.

-- +goose Up

-- One row: the last entry that was trimmed off the journal. A reader that stands before it has missed something. After a
-- dump was restored into another cluster its transaction ids may lie ahead of those of the cluster, and mean nothing:
-- store.JournalFloor leaves such a row out.
CREATE TABLE journal_floor (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    xid      xid8 NOT NULL,
    id       bigint NOT NULL
);
INSERT INTO journal_floor (xid, id) VALUES ('0', 0);

-- A check-in rewrites one row of head, and often one of vitals, every few minutes for every machine. Those updates are
-- HOT: they clean up behind themselves, and no index changes. VACUUM comes early for the rest (0001), and ANALYZE comes
-- seldom: no plan depends on the values that check-ins move, and a sample of 30,000 rows every minute costs more than
-- the check-ins do.
ALTER TABLE head SET (autovacuum_analyze_scale_factor = 1);
ALTER TABLE vitals SET (autovacuum_analyze_scale_factor = 2, toast.autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE agent_health SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 2);

-- A push rewrites a tail, a status only what a check says of the machine: HOT as well, where a page has room.
ALTER TABLE head_section SET (autovacuum_analyze_scale_factor = 0.5);
ALTER TABLE head_summary SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE check_status SET (autovacuum_analyze_scale_factor = 0.5);

-- First use is written once into a row that otherwise stays.
ALTER TABLE credential SET (fillfactor = 90);

-- Tables that mostly grow. VACUUM makes their new pages visible to all, for index-only scans, and freezes them in small
-- portions instead of all at once; ANALYZE follows an enrolment storm before plans go wrong.
ALTER TABLE machine SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE asset SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05,
    toast.autovacuum_vacuum_insert_scale_factor = 0.05);

-- Entries come at one end and are trimmed off the other. What is gone must leave the index before trimming comes there
-- again.
ALTER TABLE journal SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1);

-- Rows of the change log never change: they are frozen with the first VACUUM, so that none has to come back to an old
-- week, where it would be in the way of detaching it. New partitions get the same from store.EnsurePartitions.
-- +goose StatementBegin
DO $$
DECLARE
    week regclass;
BEGIN
    FOR week IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'change'::regclass LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_freeze_min_age = 0, '
            'toast.autovacuum_vacuum_insert_scale_factor = 0.05, toast.autovacuum_freeze_min_age = 0)', week);
    END LOOP;
END
$$;
-- +goose StatementEnd
