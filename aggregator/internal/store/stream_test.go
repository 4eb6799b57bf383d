// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// An id of the dictionary may mean another asset in a database that was restored.
func TestAnExportEndsWithTheEpochThatItBeganIn(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	must(w.Epoch(ctx))(t)
	w.commit("A", agentSource, report{"disks": {disk(0)}})
	w.commit("B", agentSource, report{"disks": {disk(1)}})
	read := 0
	err := w.StreamHeads(ctx, store.StreamFilter{}, func(store.FleetHead) error {
		if read++; read == 1 {
			w.exec("UPDATE database_epoch SET timeline = timeline - 1")
			must(w.Epoch(ctx))(t)
		}
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "begin anew") || read != 1 {
		t.Errorf("got %v after %d machines, want the end of the epoch after the first", err, read)
	}
	if err := w.StreamHeads(ctx, store.StreamFilter{}, func(store.FleetHead) error { return nil }); err != nil {
		t.Errorf("in the new epoch: %v", err)
	}
}
