// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
)

var update = flag.Bool("update", false, "write the golden files")

func TestReportHasItsForm(t *testing.T) {
	t.Parallel()
	rec := newRecorder(time.Now())
	for i := range 1000 {
		rec.call("CheckIn", time.Duration(i+1)*time.Millisecond, nil)
		rec.operation("unchanged", time.Duration(i+1)*time.Millisecond)
	}
	rec.call("PushDelta", 20*time.Millisecond, busy(time.Second))
	rec.call("PushDelta", 30*time.Second, connect.NewError(connect.CodeUnavailable, errors.New("gone")))
	rec.call("PushDelta", 40*time.Millisecond, nil)
	rec.operation("changed", 45*time.Millisecond)
	rec.skipped()
	rec.conflict(true)
	rec.resynchronised(false)
	rec.gaveUp("machine 3: gone")
	r := &Report{
		Verb: "steady", Machines: 1000, Seed: 1, Transport: "mixed", Connections: 64, Dials: 70, BytesUp: 3 << 20, BytesDown: 1 << 20,
		Usage: []Usage{
			{Who: "aggregator", Processes: 1, CPUSeconds: 1.5, Cores: 0.15, CPUMilliseconds: 1.498, RSSBytes: 100 << 20, PeakRSSBytes: 120 << 20},
			{Who: "postgres", Processes: 12, CPUSeconds: 0.5, Cores: 0.05, CPUMilliseconds: 0.499, RSSBytes: 200 << 20},
		},
		Database:     map[string]Measure{`rollcall_database_size_bytes{part="all"}`: {Before: 1000, After: 2000}},
		Verification: &Verification{Current: 999, Ahead: 1, NotCurrent: 1, List: []string{"machine 4: root"}},
		Idle:         &ConnectionCost{Connections: 5000, RSSBefore: 50 << 20, RSSHalf: 90 << 20, RSSAfter: 137 << 20, BytesPerConnection: 20_000, BytesFor100Thousand: 2_000_000_000},
	}
	r.fill(rec, 10*time.Second)
	r.StartedAt, r.LastDoneSeconds = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), 9.75 // as the rest, whenever the test runs
	var table bytes.Buffer
	r.Table(&table)
	golden(t, "report.txt", table.Bytes())
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", append(raw, '\n'))
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestMetricsOfTheDatabaseAreKept(t *testing.T) {
	t.Parallel()
	const text = `# HELP rollcall_database_size_bytes Size on disk.
# TYPE rollcall_database_size_bytes gauge
rollcall_database_size_bytes{part="all"} 1.2e+07
rollcall_snapshots 17
go_goroutines 12
rollcall_assets
`
	got, err := readMetrics(strings.NewReader(text))
	want := map[string]float64{`rollcall_database_size_bytes{part="all"}`: 1.2e7, "rollcall_snapshots": 17}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}
