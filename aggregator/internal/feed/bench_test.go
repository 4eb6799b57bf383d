// SPDX-License-Identifier: Apache-2.0

//go:build unix

package feed_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// server returns the tree of a server with n packages, one of them in a version.
func server(serial string, n, version int) string {
	packages := make([]string, n)
	for i := range packages {
		of := 1
		if i == 7 {
			of = version
		}
		packages[i] = fmt.Sprintf(`{"name":"package-%04d","version":"1.%d","arch":"amd64","status":"install ok installed","install_time":"2026-01-02T03:%02d:00"}`, i, of, of%60)
	}
	return machine(serial, `"os_version":{"name":"Ubuntu","major":24,"minor":4},"system_info":{"computer_name":"`+serial+`"},
		"disks":[{"name":"sda","size":1000}],"network_interfaces":[{"interface":"e","mac":"0a:1b:2c:3d:4e:5f"}],
		"deb_packages":[`+strings.Join(packages, ",")+`]`)
}

func expand(b *testing.B, w *world, after store.Position, filter *event.Filter, perRound int) {
	b.Helper()
	b.ReportAllocs()
	events := 0
	for b.Loop() {
		all, _ := w.readFrom(after, 500, filter)
		if events = len(all); events == 0 {
			b.Fatal("no events")
		}
	}
	b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(perRound*b.N)/b.Elapsed().Seconds(), "changes/s")
}

// BenchmarkMedianChanges reads 1,000 changes, each the upgrade of one package of 400, on 50 machines.
func BenchmarkMedianChanges(b *testing.B) {
	w := newWorld(b, feed.Options{})
	const machines, changes = 50, 20
	for i := range machines {
		w.push(server(fmt.Sprintf("C%02d", i), 400, 1))
	}
	w.settle()
	_, after := w.readFrom(store.Position{}, 500, &event.Filter{Types: []string{"munki_request"}})
	for c := range changes {
		for i := range machines {
			w.push(server(fmt.Sprintf("C%02d", i), 400, c+2))
		}
	}
	w.settle()
	b.Run("all", func(b *testing.B) { expand(b, w, after, nil, machines*changes) })
	b.Run("filtered", func(b *testing.B) {
		expand(b, w, after, &event.Filter{Types: []string{"add_machine_deb_package"}, Expression: "ends_with(deb_package.version, '.9')"}, machines*changes)
	})
}

// BenchmarkFirstSnapshots reads the first commits of 200 machines, which have one change since.
func BenchmarkFirstSnapshots(b *testing.B) {
	w := newWorld(b, feed.Options{})
	const machines = 200
	for i := range machines {
		w.push(server(fmt.Sprintf("C%03d", i), 400, 1))
		w.push(server(fmt.Sprintf("C%03d", i), 400, 2))
	}
	w.settle()
	expand(b, w, store.Position{}, &event.Filter{Types: []string{"add_machine"}}, machines)
}
