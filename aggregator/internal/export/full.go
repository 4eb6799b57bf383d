// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"fmt"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// Full is an archive with the whole inventory as tables, one file of JSON lines for each model and each gigabyte of it:
// every snapshot of every machine that is kept, archived machines among them. It holds a batch of machines, the numbers
// of up to a million nested objects, and about a megabyte for each model; the lines wait in temporary files.
type Full struct {
	// Since leaves out what was there before: snapshots of which the first came at or after it are exported, with what
	// they refer to. The zero time exports all.
	Since time.Time  `json:"since"`
	Scope auth.Scope `json:"scope"`
}

// FullDataset is the name of the dataset whose exports are Full.
const FullDataset = "full_inventory"

func init() {
	register(Dataset{
		Name: FullDataset, Task: "zentral.contrib.inventory.tasks.export_full_inventory",
		Needs: []auth.Permission{auth.ReadInventory}, Formats: []string{"zip"},
		New: func() Export { return new(Full) },
		Ask: func(r Request) (Export, error) {
			var options struct {
				Since time.Time `json:"since"`
			}
			if err := decodeOptions(r.Options, &options); err != nil {
				return nil, err
			}
			return &Full{Since: options.Since, Scope: r.Scope}, nil
		},
	})
}

// File implements Export.
func (e *Full) File(at time.Time) File {
	return File{Name: fmt.Sprintf("full_inventory_export-%s.zip", at.UTC().Format(fileTime)), ContentType: contentTypes["zip"]}
}

// Write implements Export.
func (e *Full) Write(ctx context.Context, s *store.Store, out Output) error {
	w := &fullWriter{
		store: s, since: e.Since, files: newPartedFiles(out.Folder, partBytes), numbers: newNumbers(rememberedObjects),
		units: map[string]store.FleetUnit{}, sources: map[int32]store.Source{}, written: map[writtenRow]bool{},
	}
	defer w.files.drop()
	if err := w.write(ctx, e.Scope, out); err != nil {
		return fmt.Errorf("full export: %w", err)
	}
	return nil
}

// fullWriter is one full export under way.
type fullWriter struct {
	store   *store.Store
	since   time.Time
	files   *partedFiles
	numbers *numbers
	assets  idSet // of the dictionary that have their line

	units   map[string]store.FleetUnit // by key
	sources map[int32]store.Source
	written map[writtenRow]bool // of the small models
}

// writtenRow is a line of one of the models that have a row in the database.
type writtenRow struct {
	model string
	id    int64
}

func (w *fullWriter) write(ctx context.Context, scope auth.Scope, out Output) error {
	f := store.HistoryFilter{Since: w.since, Scope: scope}
	total, err := w.store.CountHistoryHeads(ctx, f)
	if err != nil {
		return err
	}
	done := int64(0)
	err = w.store.StreamHistoryHeads(ctx, f, func(h store.HistoryHead) error {
		if err := w.head(ctx, h); err != nil {
			return fmt.Errorf("machine %s: %w", h.Serial, err)
		}
		if done++; out.Progress != nil {
			out.Progress(done, max(done, total))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.files.archive(out, time.Now(), fullModels, func(model string, part int) string {
		return fmt.Sprintf("zentral_%s_%04d.jsonl", model, part)
	})
}

// changesPage is how many changes are read at a time.
const changesPage = 20

// head goes back in the history of a head. A root that the head had several times is one snapshot, with what the
// aggregator knew of the machine the last time; it is of the moment when the head had it first.
func (w *fullWriter) head(ctx context.Context, h store.HistoryHead) error {
	steps, err := w.store.StepsBack(ctx, h.ID, h.Seq)
	if err != nil {
		return err
	}
	if len(steps) == 0 { // the change that made the head what it is is no longer kept
		steps = []store.Step{{Seq: h.Seq, At: h.ChangedAt, Root: h.Root}}
	}
	first := make(map[asset.Digest]store.Step, len(steps))
	for _, step := range steps {
		first[step.Root] = step
	}
	back := undoer{store: w.store, head: h.ID, sections: h.Sections}
	seen := h.LastSeen
	for i, step := range steps {
		if step.At.Before(w.since) {
			return nil // and so are all before it
		}
		if begun, wanted := first[step.Root]; wanted {
			delete(first, step.Root)
			if !begun.At.Before(w.since) {
				if err := w.snapshot(ctx, &h, begun, seen); err != nil {
					return err
				}
			}
		}
		if i == len(steps)-1 {
			return nil
		}
		if ok, err := back.undo(ctx, step.Seq); err != nil || !ok {
			return err
		}
		seen = step.At
	}
	return nil
}

// undoer takes a head's sections back, change by change.
type undoer struct {
	store    *store.Store
	head     int64
	sections pack.Sections
	page     []store.Change // the newest first
}

// undo undoes the change with that number. It reports false when the change is no longer kept.
func (u *undoer) undo(ctx context.Context, seq int64) (bool, error) {
	if len(u.page) == 0 {
		var err error
		if u.page, err = u.store.ChangesBack(ctx, u.head, seq, changesPage); err != nil {
			return false, err
		}
	}
	if len(u.page) == 0 || u.page[0].Seq != seq {
		return false, nil
	}
	change := u.page[0]
	u.page = u.page[1:]
	return true, change.UndoIn(u.sections)
}
