// SPDX-License-Identifier: Apache-2.0

//go:build unix

package bench_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/metrics"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

// The fleet that is scraped: so many sorts of machines, and of each as many copies.
const (
	scrapedSorts  = 100
	scrapedCopies = 1000
	scrapedChecks = 50
)

// BenchmarkScrape measures what Prometheus waits for: every family of the documented configuration, and compliance with
// 50 checks, over 100,000 machines. The budget of both together is 100 ms.
func BenchmarkScrape(b *testing.B) {
	x, s := scrapedFleet(b)
	versions := config.MetricFamily{Sources: []string{"Munki", "osquery"}}
	software := func(names ...string) *config.MetricFamily {
		return &config.MetricFamily{Sources: []string{"Munki", "osquery"}, Names: names}
	}
	options := config.MetricsOptions{
		AndroidApps: software("app-1"), DebPackages: software("package-1", "package-2"), IOSApps: software("app-1"),
		OSXApps:  &config.MetricFamily{Sources: versions.Sources, BundleIDs: []string{"org.app-1", "org.app-2"}},
		Programs: software("program-1", "program-2"), OSVersions: &versions,
	}
	for _, zentral := range []bool{false, true} {
		f := metrics.NewFleet(x, s, metrics.FleetOptions{Config: options, Zentral: zentral})
		name := map[bool]string{false: "rollcall", true: "zentral"}[zentral]
		for path, read := range map[string]func(context.Context) ([]byte, error){"inventory": f.Inventory, "compliance": f.Compliance} {
			b.Run(name+"-"+path, func(b *testing.B) { benchmarkScrape(b, read) })
		}
	}
}

func benchmarkScrape(b *testing.B, read func(context.Context) ([]byte, error)) {
	b.Helper()
	begin := time.Now()
	body, err := read(b.Context()) // reads bodies, which never change, and what the store alone knows
	must(b, err)
	first := time.Since(begin)
	b.ReportAllocs()
	var slowest time.Duration
	before := ownTime(b)
	for b.Loop() {
		begin := time.Now()
		_, err := read(b.Context())
		must(b, err)
		slowest = max(slowest, time.Since(begin))
	}
	b.ReportMetric(float64((ownTime(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(first.Microseconds())/1000, "ms-first")
	b.ReportMetric(float64(bytes.Count(body, []byte("\n"))), "lines")
	b.ReportMetric(float64(slowest.Microseconds())/1000, "ms-slowest")
}

// ownTime is what this process has used of the processors.
func ownTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// scrapedFleet reports one machine of each sort, copies those in the database, and builds the index.
func scrapedFleet(b *testing.B) (*index.Index, *store.Store) {
	b.Helper()
	pool := storetest.New(b)
	s := store.New(pool)
	b.Cleanup(s.Close)
	must(b, s.EnsurePartitions(b.Context(), 3))
	log := slog.New(slog.DiscardHandler)
	committer := commit.New(s, log)
	for n := range scrapedSorts {
		pushSort(b, s, committer, n)
	}
	copyMachines(b, pool)
	x := index.New(s, index.Options{Log: log})
	ctx, stop := context.WithCancel(context.WithoutCancel(b.Context()))
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		must(b, <-done)
	})
	for x.Fresh(b.Context()) != nil {
		time.Sleep(100 * time.Millisecond) //nolint:forbidigo // a benchmark that waits for a build
	}
	return x, s
}

// pushSort reports the machine that stands for its sort: a third of each platform, versions by a tenth.
func pushSort(b *testing.B, s *store.Store, committer *commit.Committer, n int) {
	b.Helper()
	machine, err := s.EnsureMachine(b.Context(), fmt.Sprintf("SORT-%03d", n))
	must(b, err)
	source := store.Source{Module: "zentral.contrib.osquery", Name: "osquery"}
	if n%5 == 0 {
		source = store.Source{Module: "zentral.contrib.munki", Name: "Munki"}
	}
	source, err = s.EnsureSource(b.Context(), source)
	must(b, err)
	version := n % 10
	push := &commit.Push{
		Machine: machine, Serial: fmt.Sprintf("SORT-%03d", n), Source: source, Complete: true,
		Added: commit.Added{Platform: []string{"LINUX", "MACOS", "WINDOWS"}[n%3], Type: []string{"SERVER", "VM", "LAPTOP", "EC2"}[n%4]},
	}
	section := func(kind string, bodies ...[]byte) {
		push.Sections = append(push.Sections, commit.Section{Kind: kind, Bodies: bodies})
	}
	section("os_version", fmt.Appendf(nil, `{"major":%d,"minor":%d,"name":"System","patch":0}`, n%3, version))
	var debs, apps, programs, androids, ios [][]byte
	for k := range 20 {
		debs = append(debs, fmt.Appendf(nil, `{"name":"package-%d","version":"1.%d"}`, k, version))
		apps = append(apps, fmt.Appendf(nil, `{"app":{"bundle_id":"org.app-%d","bundle_name":"App %d","bundle_version_str":"1.%d"},"path":"/%d"}`, k/2, k/2, version, k))
		programs = append(programs, fmt.Appendf(nil, `{"install_location":"%d","program":{"name":"program-%d","version":"1.%d"}}`, k, k/2, version))
		androids = append(androids, fmt.Appendf(nil, `{"display_name":"app-%d","version_name":"1.%d"}`, k, version))
		ios = append(ios, fmt.Appendf(nil, `{"name":"app-%d","version":"1.%d"}`, k, version))
	}
	section("deb_packages", debs...)
	section("osx_app_instances", apps...)
	section("program_instances", programs...)
	section("android_apps", androids...)
	section("ios_apps", ios...)
	_, err = committer.Push(b.Context(), push)
	must(b, err)
}

// copyMachines makes the fleet of its sorts: seen within the last hundred days, most of it today, with tags, and judged by
// all checks.
func copyMachines(b *testing.B, pool *pgxpool.Pool) {
	b.Helper()
	conn, err := pool.Acquire(b.Context()) // one for all: it has the temporary table
	must(b, err)
	defer func() { must(b, conn.Hijack().Close(context.WithoutCancel(b.Context()))) }() // its settings go with it
	for _, sql := range []string{
		`SET session_replication_role = replica`, // what is copied needs no check of its references
		`INSERT INTO machine (serial_number) SELECT 'COPY-' || n FROM generate_series(1, ` + fmt.Sprint(scrapedSorts*scrapedCopies) + `) n`,
		`CREATE TEMP TABLE copied AS
			SELECT m.id AS machine, o.id AS original, o.source, row_number() OVER (ORDER BY m.id) AS n
			FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM machine WHERE serial_number LIKE 'COPY-%') m
			JOIN (SELECT id, source, row_number() OVER (ORDER BY id) - 1 AS n FROM head) o ON o.n = m.n % ` + fmt.Sprint(scrapedSorts),
		`INSERT INTO head (machine, source, root, seq, commits, first_at, changed_at, last_seen)
			SELECT c.machine, c.source, h.root, 1, 1, now(), now(), now() - CASE WHEN n % 10 < 8 THEN 0 ELSE n % 100 END * interval '1 day'
			FROM copied c JOIN head h ON h.id = c.original ORDER BY c.machine`,
		`INSERT INTO head_summary SELECT h.id, u.computer_name, u.platform, u.type, u.os_version, u.hardware_model, u.business_unit
			FROM copied c JOIN head h ON h.machine = c.machine JOIN head_summary u ON u.head = c.original`,
		`INSERT INTO head_section SELECT h.id, s.kind, s.base, s.tail, s.digest
			FROM copied c JOIN head h ON h.machine = c.machine JOIN head_section s ON s.head = c.original`,
		`INSERT INTO tag (name, slug) SELECT 'tag ' || n, 'tag-' || n FROM generate_series(1, 20) n`,
		`INSERT INTO machine_tag (machine, tag) SELECT c.machine, t.id FROM copied c JOIN tag t ON t.id % 10 = c.n % 10`,
		`INSERT INTO jmespath_check (name, source_name, jmespath_expression, evaluated_version)
			SELECT 'check ' || n, 'osquery', 'true', 1 FROM generate_series(1, ` + fmt.Sprint(scrapedChecks) + `) n`,
		`INSERT INTO check_status (check_id, machine, head, check_version, head_seq, status)
			SELECT k.id, h.machine, h.id, 1, 1, CASE WHEN (h.id + k.id) % 10 < 7 THEN ` + fmt.Sprint(int(compliance.StatusOK)) + `
				WHEN (h.id + k.id) % 10 < 8 THEN ` + fmt.Sprint(int(compliance.StatusUnknown)) + ` ELSE ` + fmt.Sprint(int(compliance.StatusFailed)) + ` END
			FROM jmespath_check k CROSS JOIN head h`,
		`INSERT INTO waiver (check_id, machine, owner, reason, expires_at)
			SELECT k.id, c.machine, 'o', 'r', now() + interval '1 day' FROM jmespath_check k JOIN copied c ON c.n % 1000 = k.id`,
	} {
		_, err := conn.Exec(b.Context(), sql)
		must(b, err)
	}
}
