// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Snapshots is an archive with a file for each source, and in it one JSON object for each machine: the outside contract's
// reduced form of its current snapshot, without software.
type Snapshots struct {
	Source string     `json:"source"` // name, in any case; "": every source
	Scope  auth.Scope `json:"scope"`
}

// SnapshotsDataset is the name of the dataset whose exports are Snapshots.
const SnapshotsDataset = "machine_snapshots"

func init() {
	register(Dataset{
		Name: SnapshotsDataset, Needs: []auth.Permission{auth.ReadInventory}, Formats: []string{"zip"},
		New: func() Export { return new(Snapshots) },
		Ask: func(r Request) (Export, error) {
			var options struct {
				SourceName string `json:"source_name"`
			}
			if err := decodeOptions(r.Options, &options); err != nil {
				return nil, err
			}
			return &Snapshots{Source: options.SourceName, Scope: r.Scope}, nil
		},
	})
}

// File implements Export.
func (e *Snapshots) File(at time.Time) File {
	return File{Name: fmt.Sprintf("machine_snapshots-%s.zip", at.UTC().Format(fileTime)), ContentType: contentTypes["zip"]}
}

// Write implements Export.
func (e *Snapshots) Write(ctx context.Context, s *store.Store, out Output) error {
	kinds := []string{pack.KindAdded}
	for _, key := range snapshotKeys {
		kinds = append(kinds, key.name)
	}
	f := store.StreamFilter{Source: e.Source, Kinds: kinds, Scope: e.Scope}
	progress, err := newProgress(ctx, s, f, out.Progress)
	if err != nil {
		return err
	}
	w := &snapshotWriter{store: s, archive: table.NewZip(out, time.Now())}
	err = s.StreamHeads(ctx, f, func(h store.FleetHead) error {
		w.waiting = append(w.waiting, h)
		progress.head(1)
		if len(w.waiting) < statusBatch {
			return nil
		}
		return w.flush(ctx)
	})
	if err == nil {
		err = w.flush(ctx)
	}
	if err != nil {
		return fmt.Errorf("export snapshots: %w", err)
	}
	return w.archive.Close()
}

// snapshotWriter writes the lines of one source after those of another.
type snapshotWriter struct {
	store   *store.Store
	archive *table.Zip
	waiting []store.FleetHead

	source string
	file   io.Writer // of that source
	line   bytes.Buffer
}

// flush writes the heads that wait.
func (w *snapshotWriter) flush(ctx context.Context) error {
	ids := make([]int64, len(w.waiting))
	for i := range w.waiting {
		ids[i] = w.waiting[i].ID
	}
	facts, err := w.store.HeadFactsOf(ctx, ids, false)
	if err != nil {
		return err
	}
	for i := range w.waiting {
		h := &w.waiting[i]
		if err := w.begin(h.Source.Name); err != nil {
			return err
		}
		if err := w.write(ctx, h, facts[h.ID].ChangedAt); err != nil {
			return fmt.Errorf("machine %s: %w", h.Serial, err)
		}
	}
	w.waiting = w.waiting[:0]
	return nil
}

// begin opens the file of a source; sources come by name, and those of one name share a file.
func (w *snapshotWriter) begin(source string) error {
	if w.file != nil && w.source == source {
		return nil
	}
	var err error
	w.source = source
	w.file, err = w.archive.Create(cmp.Or(store.Slugify(source), "source") + ".jsonl")
	return err
}

// snapshotKeys are the keys that come from sections, with the fields that the reduced form has of them; none stands for
// the whole value.
var snapshotKeys = []struct {
	name   string
	fields []string
}{
	{"imei", nil},
	{"meid", nil},
	{"extra_facts", nil},
	{"links", []string{"anchor_text", "url"}},
	{"os_version", []string{"name", "major", "minor", "patch", "build"}},
	{"system_info", []string{
		"computer_name", "hostname", "hardware_model", "hardware_serial", "cpu_type", "cpu_subtype", "cpu_brand",
		"cpu_physical_cores", "cpu_logical_cores", "physical_memory",
	}},
	{"principal_user", []string{"source", "unique_id", "principal_name", "display_name"}},
	{"disks", []string{"name", "size"}},
	{"network_interfaces", []string{"interface", "mac", "address", "mask", "broadcast"}},
}

// milliseconds is how the contract writes moments here: UTC without a zone.
const milliseconds = "2006-01-02T15:04:05.000"

// write writes one line.
func (w *snapshotWriter) write(ctx context.Context, h *store.FleetHead, changed time.Time) error {
	o := objectWriter{out: &w.line}
	w.line.Reset()
	o.text("serial_number", h.Serial)
	for _, key := range []string{"imei", "meid"} {
		if err := w.key(ctx, &o, h, key, nil); err != nil {
			return err
		}
	}
	o.text("platform", h.Summary.Platform)
	o.text("type", h.Summary.Type)
	if err := w.key(ctx, &o, h, "extra_facts", nil); err != nil {
		return err
	}
	if !changed.IsZero() { // it is, when the machine was pruned meanwhile
		o.text("last_change", changed.UTC().Format(milliseconds))
	}
	o.text("last_seen", h.LastSeen.UTC().Format(milliseconds))
	o.object("source", func() {
		o.text("module", h.Source.Module)
		o.text("name", h.Source.Name)
	})
	for _, key := range snapshotKeys {
		if key.fields == nil {
			continue // those have their places above
		}
		if err := w.key(ctx, &o, h, key.name, key.fields); err != nil {
			return err
		}
	}
	o.end()
	w.line.WriteByte('\n')
	_, err := w.file.Write(w.line.Bytes())
	return err
}

// key writes what a section has, nothing when that is nothing.
func (w *snapshotWriter) key(ctx context.Context, o *objectWriter, h *store.FleetHead, kind string, fields []string) error {
	section := h.Sections[kind]
	if section == nil {
		return nil
	}
	loaded, err := w.store.LoadSection(ctx, section)
	if err != nil {
		return err
	}
	var values [][]byte
	for i := range loaded.Assets {
		reduced, err := reduce(loaded.Assets[i].Body, fields)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		if reduced != nil {
			values = append(values, reduced)
		}
	}
	known, _ := snapshot.KindOf(kind)
	switch {
	case len(values) == 0:
	case known.Single:
		o.raw(kind, values[0])
	default:
		slices.SortFunc(values, bytes.Compare)
		o.list(kind, slices.CompactFunc(values, bytes.Equal))
	}
	return nil
}
