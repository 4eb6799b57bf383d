// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"fmt"
	"strings"
	"testing"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

func TestNobodyMakesAReportTooLarge(t *testing.T) {
	t.Parallel()
	const many = 120_000
	rows := &inventoryv1.Snapshot{}
	for i := range many {
		rows.PythonPackages = append(rows.PythonPackages, &inventoryv1.PythonPackage{Name: fact(fmt.Sprint("p", i))})
	}
	for _, summary := range []string{strings.Repeat("\x01", 1<<20), strings.Repeat("x", 1<<19), "good"} {
		rows.GemPackages = append(rows.GemPackages, &inventoryv1.GemPackage{Name: fact("g"), Summary: fact(summary)})
	}
	collect := func(_ context.Context, _ host.Host, snap *inventoryv1.Snapshot) error {
		snap.PythonPackages, snap.GemPackages = rows.PythonPackages, rows.GemPackages
		return nil
	}
	collectors := of(Collector{Name: "python_packages", Collect: collect}, Collector{Name: "gem_packages", Collect: collect})
	report := runAll(context.Background(), &hosttest.Machine{}, collectors, Options{})
	if got := len(report.Snapshot.PythonPackages); got < 50_000 || got > 80_000 || report.Snapshot.PythonPackages[0].GetName() != "p0" {
		t.Errorf("%d python packages", got)
	}
	if got := report.Snapshot.GemPackages; len(got) != 2 || got[1].GetSummary() != "good" {
		t.Errorf("%d gems, want 2", len(got))
	}
	if len(rows.PythonPackages) != many || len(rows.GemPackages) != 3 || rows.PythonPackages[many-1] == nil {
		t.Error("what the collectors hold was changed")
	}
	var troubles []string
	for _, trouble := range report.Troubles {
		troubles = append(troubles, trouble.Collector)
	}
	if got := strings.Join(troubles, " "); got != "gem_packages python_packages" {
		t.Errorf("troubles of %s", got)
	}
	if _, err := snapshot.Split(report.Snapshot); err != nil {
		t.Error(err)
	}
}
