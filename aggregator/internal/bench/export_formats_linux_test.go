// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

// formatRows is how many rows the formats are compared with.
const formatRows = 1_000_000

// The same rows from PostgreSQL alone: joined and sorted like the export has to, and from a table that has them ready.
const (
	pairsSQL  = `CREATE UNLOGGED TABLE exported_pair (head bigint NOT NULL, asset bigint NOT NULL)`
	joinedSQL = `
WITH package AS MATERIALIZED (
	SELECT id, body->>'name' AS name, body->>'version' AS version, body->>'source' AS source, body->>'size' AS size,
	       body->>'arch' AS arch, body->>'revision' AS revision, body->>'status' AS status, body->>'maintainer' AS maintainer,
	       body->>'section' AS section, body->>'priority' AS priority
	FROM asset WHERE kind = 'deb_packages'
)
SELECT m.serial_number, s.module AS source_module, s.name AS source_name, h.last_seen, p.name, p.version, p.source, p.size,
       p.arch, p.revision, p.status, p.maintainer, p.section, p.priority
FROM exported_pair x
JOIN head h ON h.id = x.head
JOIN machine m ON m.id = h.machine
JOIN source s ON s.id = h.source
JOIN package p ON p.id = x.asset
ORDER BY s.name, m.serial_number, p.name COLLATE "C", p.version COLLATE "C"`
	readySQL = `CREATE UNLOGGED TABLE exported_row AS ` + joinedSQL
)

// BenchmarkExportFormats exports a million rows of packages as CSV and as xlsx, and lets PostgreSQL copy the same rows out
// in the same run: from a table that has nothing else (copy), and by the query that makes them (copy-query). RSS is the
// peak of this process during an export, with all that the store keeps in memory.
func BenchmarkExportFormats(b *testing.B) {
	pool := storetest.New(b)
	s := exportedFleet(b, pool, formatRows/packagesPerMachine)
	materialise(b, pool, s)
	var ours, oursCPU, xlsx, ready, query time.Duration
	var csvRSS, xlsxRSS int64
	for b.Loop() {
		ready += copied(b, pool, "COPY exported_row TO STDOUT (FORMAT csv, HEADER)")
		query += copied(b, pool, "COPY ("+joinedSQL+") TO STDOUT (FORMAT csv, HEADER)")
		before := ownCPU(b)
		took, rss := exported(b, s, "csv")
		oursCPU += ownCPU(b) - before
		ours, csvRSS = ours+took, max(csvRSS, rss)
		took, rss = exported(b, s, "xlsx")
		xlsx, xlsxRSS = xlsx+took, max(xlsxRSS, rss)
	}
	rate := func(took time.Duration) float64 { return formatRows * float64(b.N) / took.Seconds() }
	b.ReportMetric(rate(ours), "csv-rows/s")
	b.ReportMetric(rate(oursCPU), "csv-rows/program-cpu-s")
	b.ReportMetric(rate(xlsx), "xlsx-rows/s")
	b.ReportMetric(rate(ready), "copy-rows/s")
	b.ReportMetric(rate(query), "copy-query-rows/s")
	b.ReportMetric(rate(ours)/rate(ready), "csv-per-copy")
	b.ReportMetric(rate(ours)/rate(query), "csv-per-copy-query")
	b.ReportMetric(rate(xlsx)/rate(ready), "xlsx-per-copy")
	b.ReportMetric(float64(csvRSS)/1e6, "csv-peak-RSS-MB")
	b.ReportMetric(float64(xlsxRSS)/1e6, "xlsx-peak-RSS-MB")
}

// materialise puts what the heads hold into tables, as a schema with a row for each fact of each machine has it.
func materialise(b *testing.B, pool *pgxpool.Pool, s *store.Store) {
	b.Helper()
	ctx := b.Context()
	_, err := pool.Exec(ctx, pairsSQL)
	must(b, err)
	must(b, s.StreamHeads(ctx, store.StreamFilter{Kinds: []string{"deb_packages"}}, func(h store.FleetHead) error {
		ids := h.Sections["deb_packages"].IDs
		_, err := pool.CopyFrom(ctx, pgx.Identifier{"exported_pair"}, []string{"head", "asset"},
			pgx.CopyFromSlice(len(ids), func(i int) ([]any, error) { return []any{h.ID, ids[i]}, nil }))
		return err
	}))
	for _, sql := range []string{"ANALYZE exported_pair, asset, head, machine, source", readySQL, "ANALYZE exported_row"} {
		_, err = pool.Exec(ctx, sql)
		must(b, err)
	}
}

func copied(b *testing.B, pool *pgxpool.Pool, sql string) time.Duration {
	b.Helper()
	start := time.Now()
	must(b, pool.AcquireFunc(b.Context(), func(c *pgxpool.Conn) error {
		if _, err := c.Exec(b.Context(), "SET work_mem = '256MB'"); err != nil {
			return err
		}
		tag, err := c.Conn().PgConn().CopyTo(b.Context(), io.Discard, sql)
		if err == nil && tag.RowsAffected() != formatRows {
			err = fmt.Errorf("%d rows", tag.RowsAffected())
		}
		return err
	}))
	return time.Since(start)
}

// exported makes one export and returns how long it took and the largest resident size meanwhile, in bytes.
func exported(b *testing.B, s *store.Store, format string) (time.Duration, int64) {
	b.Helper()
	debug.FreeOSMemory() // what was there before
	must(b, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0))
	rows := int64(0)
	start := time.Now()
	e := &export.MachineApps{Kind: "deb_packages", Format: format}
	must(b, e.Write(context.WithoutCancel(b.Context()), s, export.Output{
		Writer: io.Discard, Folder: b.TempDir(), Progress: func(done, _ int64) { rows = done },
	}))
	took := time.Since(start)
	if rows != formatRows {
		b.Fatalf("%d rows", rows)
	}
	return took, peakRSS(b)
}

// peakRSS is the largest resident size of this process since clear_refs said 5, in bytes.
func peakRSS(b *testing.B) int64 {
	b.Helper()
	status, err := os.Open("/proc/self/status")
	must(b, err)
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
			must(b, err)
			return kilobytes << 10
		}
	}
	b.Fatal("no VmHWM in /proc/self/status")
	return 0
}
