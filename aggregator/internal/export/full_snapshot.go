// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/normal"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// addedKeys are what the aggregator knew of a machine.
type addedKeys struct {
	Reference    string        `json:"reference"`
	PublicIP     string        `json:"public_ip_address"`
	Platform     string        `json:"platform"`
	Type         string        `json:"type"`
	BusinessUnit *reportedUnit `json:"business_unit"`
}

// snapshot writes the lines of one snapshot: those that it refers to, its own and those that join it to lists.
func (w *fullWriter) snapshot(ctx context.Context, h *store.HistoryHead, begun store.Step, seen time.Time) error {
	number, err := pairOf(h.ID, begun.Seq)
	if err != nil {
		return err
	}
	source, err := w.source(ctx, h.Source)
	if err != nil {
		return err
	}
	var added addedKeys
	if body := onlyFact(h.Sections, pack.KindAdded); body != nil {
		_ = json.Unmarshal(body, &added) // a key of an unexpected type leaves the others filled
	}
	unit, err := w.unit(ctx, h.Sections, added.BusinessUnit)
	if err != nil {
		return err
	}
	var line bytes.Buffer
	o := objectWriter{out: &line}
	o.text("serial_number", h.Serial)
	o.text("last_seen", normal.Datetime(seen))
	o.int("ms_id", number)
	o.text("mt_hash", begun.Root.String()[:40])
	o.text("mt_created_at", normal.Datetime(begun.At))
	o.int("source_id", source)
	o.idOrNull("business_unit_id", unit)
	for _, k := range fullKinds {
		if err := w.section(ctx, &o, h.Sections, k, number); err != nil {
			return fmt.Errorf("%s: %w", k.kind, err)
		}
	}
	o.textOrNull("reference", added.Reference)
	o.textOrNull("public_ip_address", added.PublicIP)
	o.textOrNull("platform", added.Platform)
	o.textOrNull("type", added.Type)
	for _, kind := range []string{"imei", "meid", "extra_facts"} {
		o.raw(kind, scalar(onlyFact(h.Sections, kind)))
	}
	o.end()
	line.WriteByte('\n')
	return w.files.add("machine", line.Bytes())
}

// onlyFact returns the body of a private section that has at most one.
func onlyFact(sections pack.Sections, kind string) []byte {
	if s := sections[kind]; s != nil && len(s.Facts) > 0 {
		return s.Facts[0].Body
	}
	return nil
}

// section writes the objects of a section that have no line yet, and what joins the machine to them.
func (w *fullWriter) section(ctx context.Context, o *objectWriter, all pack.Sections, k fullKind, machine int64) error {
	var ids []int64
	s := all[k.kind]
	if s != nil {
		var err error
		if ids, err = w.objects(ctx, s, k.model); err != nil {
			return err
		}
	}
	if k.join == "" {
		only := int64(0)
		if len(ids) > 0 {
			only = ids[0]
		}
		o.idOrNull(k.model+"_id", only)
		return nil
	}
	dates, err := w.installDates(ctx, s, all[snapshot.KindInstallTimes], k)
	if err != nil {
		return err
	}
	line := strconv.AppendInt([]byte(`{"ms_id":`), machine, 10)
	line = append(line, `,"`+k.model+`_id":`...)
	start := len(line)
	for i, id := range ids {
		line = strconv.AppendInt(line[:start], id, 10)
		if dates != nil && dates[i] != snapshot.NoTime {
			line = append(line, `,"install_date":"`+normal.Datetime(time.Unix(dates[i], 0))+`"`...)
		}
		line = append(line, '}', '\n')
		if err := w.files.add(k.join, line); err != nil {
			return err
		}
	}
	return nil
}

// installDates returns when each asset of a shared section came to the machine, in seconds, where the contract has that;
// nil where it does not, and where nothing is known.
func (w *fullWriter) installDates(ctx context.Context, s, times *pack.Section, k fullKind) ([]int64, error) {
	if !k.dated || s == nil || !s.Shared || times == nil || len(times.Facts) == 0 {
		return nil, nil
	}
	digests, err := w.store.AssetDigests(ctx, s.IDs)
	if err != nil {
		return nil, err
	}
	order := make([]int, len(digests))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return digests[a].Compare(digests[b]) })
	section := &snapshot.Section{Kind: k.kind, Assets: make([]snapshot.Asset, len(order))}
	for n, i := range order {
		section.Assets[n].Digest = digests[i]
	}
	dates := make([]int64, len(digests))
	for n, seconds := range snapshot.JoinTimes(section, &snapshot.Section{Kind: snapshot.KindInstallTimes, Assets: times.Facts}) {
		dates[order[n]] = seconds
	}
	return dates, nil
}

// objects returns the ids of what is in a section: the dictionary's for shared kinds, numbers for the others.
func (w *fullWriter) objects(ctx context.Context, s *pack.Section, model string) ([]int64, error) {
	if s.Shared {
		return s.IDs, w.shared(ctx, s.IDs, model)
	}
	ids := make([]int64, len(s.Facts))
	for i := range s.Facts {
		var err error
		if ids[i], err = w.nested(model, s.Facts[i].Digest, s.Facts[i].Body); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// shared writes the lines of those assets that have none yet.
func (w *fullWriter) shared(ctx context.Context, ids []int64, model string) error {
	var fresh []int64
	for _, id := range ids {
		if w.assets.add(id) {
			fresh = append(fresh, id)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	bodies, err := w.store.ExportBodies(ctx, fresh)
	if err != nil {
		return err
	}
	for _, id := range fresh {
		if err := w.row(model, id, bodies[id].Body); err != nil {
			return err
		}
	}
	return nil
}
