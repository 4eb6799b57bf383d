// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"encoding/json"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

const (
	// toldName is the file of what was last told beside the snapshot, so that `run --once` does not repeat it;
	// toldOsqueryName is that of osquery's source.
	toldName        = "told.json"
	toldOsqueryName = "told-osquery.json"
	// vitalsEvery is how many check-ins may pass without vitals.
	vitalsEvery = 6
)

// told is what the aggregator was last told beside the snapshot.
type told struct {
	vitals *syncv1.Vitals
	health *syncv1.Health
	at     time.Time // of health
	since  int       // check-ins without vitals
}

// toldFile is told as its file has it.
type toldFile struct {
	Vitals json.RawMessage `json:"vitals,omitempty"`
	Health json.RawMessage `json:"health,omitempty"`
	At     time.Time       `json:"health_at,omitzero"`
	Since  int             `json:"check_ins_since_vitals"`
}

// loadTold reads the file; a missing or damaged one means that nothing was told.
func loadTold(dir *state.Dir, name string) told {
	raw, err := dir.Read(name, 1<<20)
	var file toldFile
	if err != nil || json.Unmarshal(raw, &file) != nil {
		return told{}
	}
	t := told{vitals: &syncv1.Vitals{}, health: &syncv1.Health{}, at: file.At, since: file.Since}
	if protojson.Unmarshal(file.Vitals, t.vitals) != nil || protojson.Unmarshal(file.Health, t.health) != nil {
		return told{}
	}
	return t
}

// save writes the file, or removes it when nothing was told; losing it costs a repetition.
func (t told) save(dir *state.Dir, name string) error {
	if t.vitals == nil && t.health == nil {
		return dir.Remove(name)
	}
	vitals, err := protojson.Marshal(t.vitals)
	if err != nil {
		return err
	}
	health, err := protojson.Marshal(t.health)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(toldFile{Vitals: vitals, Health: health, At: t.at, Since: t.since})
	if err != nil {
		return err
	}
	return dir.WriteSoft(name, raw)
}

// news returns what of vitals and health is worth telling.
func (t told) news(vitals *syncv1.Vitals, health *syncv1.Health) (*syncv1.Vitals, *syncv1.Health) {
	if t.vitals != nil && t.since+1 < vitalsEvery && !moved(t.vitals, vitals) {
		vitals = nil
	}
	if t.health != nil && alike(t.health, health) && time.Since(t.at) < healthEvery {
		health = nil
	}
	return vitals, health
}

// after returns t after news were accepted; nil was not sent.
func (t told) after(vitals *syncv1.Vitals, health *syncv1.Health) told {
	t.since++
	if vitals != nil {
		t.vitals, t.since = vitals, 0
	}
	if health != nil {
		t.health, t.at = health, time.Now()
	}
	return t
}

// moved tells whether vitals changed enough to matter: another boot, another set of filesystems, or more than one
// hundredth of one filled or freed.
func moved(before, now *syncv1.Vitals) bool {
	const bootSlack = 60 // seconds; the kernel derives the boot time from a clock that is being set
	if shift := now.GetBootTimeUnix() - before.GetBootTimeUnix(); shift > bootSlack || shift < -bootSlack {
		return true
	}
	if len(before.GetFilesystems()) != len(now.GetFilesystems()) {
		return true
	}
	for i, f := range now.GetFilesystems() {
		was := before.GetFilesystems()[i]
		change := f.GetFreeBytes() - was.GetFreeBytes()
		if f.GetMountPoint() != was.GetMountPoint() || f.GetSizeBytes() != was.GetSizeBytes() ||
			change > f.GetSizeBytes()/100 || -change > f.GetSizeBytes()/100 {
			return true
		}
	}
	return false
}
