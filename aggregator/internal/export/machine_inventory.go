// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// MachineInventory is a table of machines, one row for each machine and source, and behind it a table for each facet
// that counts those rows: sheets of a workbook, or CSV files of an archive. It holds a sort key for each row, some 150
// bytes, and the distinct values of the facets; the rows wait in a temporary file.
type MachineInventory struct {
	Format string        `json:"format"` // one of InventoryFormats
	Filter MachineFilter `json:"filter"`
	Scope  auth.Scope    `json:"scope"`
}

// InventoryDataset is the name of the dataset whose exports are MachineInventory.
const InventoryDataset = "machine_inventory"

// InventoryFormats are the formats of MachineInventory, the default first.
func InventoryFormats() []string { return []string{"xlsx", "zip"} }

func init() {
	register(Dataset{
		Name: InventoryDataset, Task: "zentral.contrib.inventory.tasks.export_inventory",
		Needs: []auth.Permission{auth.ReadInventory}, Formats: InventoryFormats(),
		New: func() Export { return new(MachineInventory) },
		Ask: askMachineInventory,
	})
}

// askMachineInventory takes the filters under their names in the query of the outside contract.
func askMachineInventory(r Request) (Export, error) {
	options := map[string]string{}
	if len(r.Options) > 0 {
		if err := json.Unmarshal(r.Options, &options); err != nil {
			return nil, fmt.Errorf("options: an object of texts: %w", err)
		}
	}
	query := url.Values{}
	for name, value := range options {
		if sort, _ := splitToken(name); sort == "" && name != "sf" && !slices.Contains(alwaysOn, name) {
			return nil, fmt.Errorf("options: there is no filter %q", short(name))
		}
		query.Set(name, value)
	}
	filter, err := ParseMachineFilter(query)
	if err != nil {
		return nil, fmt.Errorf("options: %w", err)
	}
	return &MachineInventory{Format: r.Format, Filter: filter, Scope: r.Scope}, nil
}

// File implements Export.
func (e *MachineInventory) File(at time.Time) File {
	return File{
		Name:        fmt.Sprintf("inventory_export_%s.%s", at.UTC().Format(fileTime), e.Format),
		ContentType: contentTypes[e.Format],
	}
}

// Write implements Export.
func (e *MachineInventory) Write(ctx context.Context, s *store.Store, out Output) error {
	if err := e.write(ctx, s, out); err != nil {
		return fmt.Errorf("export the inventory of machines: %w", err)
	}
	return nil
}

func (e *MachineInventory) write(ctx context.Context, s *store.Store, out Output) error {
	labels, err := s.ExportLabels(ctx)
	if err != nil {
		return err
	}
	facets, err := facetsOf(ctx, s, &e.Filter, &labels)
	if err != nil {
		return err
	}
	rows, err := newMachineRows(out.Folder)
	if err != nil {
		return err
	}
	defer rows.drop()
	c := &collector{store: s, filter: &e.Filter, facets: facets, labels: &labels, rows: rows, begun: time.Now()}
	if err := c.collect(ctx, e.Scope, out.Progress); err != nil {
		return err
	}
	if !e.Scope.All() {
		for _, f := range facets {
			f.conceal()
		}
	}
	rows.sort()
	return writeInventory(out, e.Format, rows, facets)
}

// statusBatch is how many heads are looked up at a time.
const statusBatch = 100

// collector reads the fleet once: it filters, counts and keeps the rows.
type collector struct {
	store  *store.Store
	filter *MachineFilter
	facets []*facet
	labels *store.Labels
	rows   *machineRows
	begun  time.Time

	waiting  []store.FleetHead
	statuses bool // some facet asks for them
}

func (c *collector) collect(ctx context.Context, scope auth.Scope, tell func(done, total int64)) error {
	f := store.StreamFilter{Kinds: c.kinds(), Scope: scope}
	progress, err := newProgress(ctx, c.store, f, tell)
	if err != nil {
		return err
	}
	err = c.store.StreamHeads(ctx, f, func(h store.FleetHead) error {
		c.waiting = append(c.waiting, h)
		progress.head(1)
		if len(c.waiting) < statusBatch {
			return nil
		}
		return c.flush(ctx)
	})
	if err != nil {
		return err
	}
	return c.flush(ctx)
}

// kinds returns the sections that rows and filters read.
func (c *collector) kinds() []string {
	kinds := []string{"os_version", "principal_user"}
	if c.filter.MAC != "" {
		kinds = append(kinds, "network_interfaces")
	}
	for _, f := range c.facets {
		switch sort, _ := f.split(); sort {
		case "awsa", "eit":
			kinds = append(kinds, "ec2_instance_metadata")
		case "cs", "ccs.":
			c.statuses = true
		default:
			if one, ok := software[sort]; ok {
				kinds = append(kinds, one.kind)
			}
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// flush goes through the heads that wait.
func (c *collector) flush(ctx context.Context) error {
	facts := map[int64]store.HeadFacts{}
	if c.statuses && len(c.waiting) > 0 {
		ids := make([]int64, len(c.waiting))
		for i := range c.waiting {
			ids[i] = c.waiting[i].ID
		}
		var err error
		if facts, err = c.store.HeadFactsOf(ctx, ids, true); err != nil {
			return err
		}
	}
	for _, h := range c.waiting {
		if err := c.take(viewOf(h, c.labels, facts[h.ID].Statuses)); err != nil {
			return fmt.Errorf("machine %s: %w", h.Serial, err)
		}
	}
	c.waiting = c.waiting[:0]
	return nil
}

// take counts a machine and keeps its row, if it is wanted.
func (c *collector) take(m *machineView) error {
	if !c.wanted(m) {
		return nil
	}
	values := make([][]facetItem, len(c.facets))
	for i, f := range c.facets {
		values[i] = f.values(m)
		if !f.allows(values[i]) {
			return nil
		}
	}
	for i, f := range c.facets {
		if f.Counted {
			f.count(values[i])
		}
	}
	return c.rows.add(c.row(m))
}

// wanted goes by the filters that are no facets.
func (c *collector) wanted(m *machineView) bool {
	f := c.filter
	return (f.Serial == "" || contains(m.Serial, f.Serial)) &&
		(f.Name == "" || contains(m.Summary.ComputerName, f.Name)) &&
		(f.User == "" || contains(m.principal.Name, f.User) || contains(m.principal.Display, f.User)) &&
		(f.MAC == "" || m.hasMAC(f.MAC)) &&
		(f.Days == 0 || !m.LastSeen.Before(c.begun.AddDate(0, 0, -f.Days)))
}

func (c *collector) row(m *machineView) machineRow {
	r := machineRow{
		SourceID: m.Source.ID, Source: m.Source.Name, Serial: m.Serial, UnitID: m.MetaBusinessUnit, Unit: m.unitName,
		Type: m.Summary.Type, Platform: m.Summary.Platform, Name: m.Summary.ComputerName, Model: m.Summary.HardwareModel,
		OS: m.Summary.OSVersion, Principal: m.principal.Name, Display: m.principal.Display, LastSeen: m.LastSeen,
	}
	tags := make([]store.TagLabel, 0, len(m.Tags))
	for _, id := range m.Tags {
		if tag, ok := c.labels.Tags[id]; ok { // one that came up a moment ago is in the next export
			tags = append(tags, tag)
		}
	}
	slices.SortFunc(tags, func(a, b store.TagLabel) int { return strings.Compare(a.Name, b.Name) })
	for i, tag := range tags {
		if i > 0 {
			r.Tags += "|"
		}
		r.Tags += tag.String()
	}
	for _, f := range c.facets {
		if f.Counted && f.cells != nil {
			r.More = append(r.More, f.cells(m)...)
		}
	}
	return r
}
