// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"errors"
	"io/fs"
	"log/slog"
	"testing"

	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	"github.com/rollcall-inventory/rollcall/agent/internal/upload"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

func TestWhatAnotherRecordWasToldIsForgottenOnDiskToo(t *testing.T) {
	t.Parallel()
	dir, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a := &Agent{Dir: dir, Log: slog.New(slog.DiscardHandler), told: &told{}}
	vitals, health := &syncv1.Vitals{UptimeSeconds: 1}, &syncv1.Health{AgentVersion: "1"}
	if err := a.accept(upload.Outcome{}, nil, vitals, health); err != nil || loadTold(dir, toldName).health == nil {
		t.Fatalf("got %v, %v, want health to be remembered", loadTold(dir, toldName), err)
	}
	if err := a.accept(upload.Outcome{Reenrolled: true}, nil, vitals, health); err != nil || loadTold(dir, toldName) != (told{}) {
		t.Errorf("enrolled again: got %v, %v, want nothing told", loadTold(dir, toldName), err)
	}
	if err := dir.Write(configurationName, []byte(`{"version":3}`)); err != nil {
		t.Fatal(err)
	}
	if err := Forget(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Read(configurationName, 100); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("forgotten configuration: got %v, want %v", err, fs.ErrNotExist)
	}
}
