-- Heads of machines that enrolled before get the business unit of their enrolment, which their trees name already.
-- +goose NO TRANSACTION

-- +goose Up

-- A few at a time, so that no commit waits for long.
-- +goose StatementBegin
DO $$
DECLARE
    before bigint := 0;
    upto   bigint;
BEGIN
    LOOP
        SELECT max(head) INTO upto FROM (SELECT head FROM head_summary WHERE head > before ORDER BY head LIMIT 10000) batch;
        EXIT WHEN upto IS NULL;
        UPDATE head_summary s SET business_unit = b.id
        FROM head h
        JOIN source o ON o.id = h.source AND o.module IN ('rollcall.agent', 'rollcall.osquery')
        JOIN LATERAL (SELECT c.enrollment FROM credential c WHERE c.machine = h.machine ORDER BY c.id DESC LIMIT 1) c ON true
        JOIN enrollment e ON e.id = c.enrollment
        JOIN business_unit b ON b.meta_business_unit = e.meta_business_unit AND b.reference = 'MBU' || e.meta_business_unit
            AND b.source_module = 'zentral.contrib.inventory'
        WHERE h.id = s.head AND s.head > before AND s.head <= upto AND s.business_unit IS NULL;
        COMMIT;
        before := upto;
    END LOOP;
END $$;
-- +goose StatementEnd

-- Finds the heads of a unit, and that there are none when it is deleted; and the machines of an enrolment.
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS head_summary_business_unit;
CREATE INDEX CONCURRENTLY head_summary_business_unit ON head_summary (business_unit) WHERE business_unit IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS credential_enrollment;
CREATE INDEX CONCURRENTLY credential_enrollment ON credential (enrollment);
RESET lock_timeout;
