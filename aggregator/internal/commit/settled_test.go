// SPDX-License-Identifier: Apache-2.0

//go:build unix

package commit_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

func TestSettledIsAHeadThatACheckInAddsNothingTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("M-1")
	settled := func() int64 { return must(w.Settled(t.Context(), a.push(a.now)))(t) }
	a.added.PublicIP = "192.0.2.1"
	if got := settled(); got != 0 {
		t.Errorf("without a head: got %d", got)
	}
	a.becomes(linux())
	if got := settled(); got != a.head {
		t.Errorf("as pushed: got %d, want %d", got, a.head)
	}
	if _, err := w.store.Archive(t.Context(), []string{a.serial}); err != nil {
		t.Fatal(err)
	}
	if got := settled(); got != a.head { // a touch revives it
		t.Errorf("archived: got %d, want %d", got, a.head)
	}
	before := a.added
	a.added.PublicIP = "192.0.2.2"
	if got := settled(); got != 0 {
		t.Errorf("another address: got %d", got)
	}
	a.added = before
	a.added.BusinessUnit = &inventoryv1.BusinessUnit{
		Reference: proto.String("MBU1"), Name: proto.String("MBU1"),
		Source: &inventoryv1.Source{Module: proto.String("m"), Name: proto.String("n")},
	}
	if got := settled(); got != 0 {
		t.Errorf("another business unit: got %d", got)
	}
	a.becomes(linux().without("disks"))
	if got := settled(); got != a.head {
		t.Errorf("with the business unit: got %d, want %d", got, a.head)
	}
}
