// SPDX-License-Identifier: Apache-2.0

package export

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
)

// MachineApps is a file with one row for each fact of a kind on each machine. As zip it is the outside contract's machine
// export, to the byte: a CSV file for each source, with times and booleans as Python spells them. Its other formats have
// one table and the spelling of /api/v1.
type MachineApps struct {
	Kind   string     `json:"kind"`   // one of Kinds
	Format string     `json:"format"` // one of machineFormats
	Source string     `json:"source"` // name, in any case; "": every source
	Scope  auth.Scope `json:"scope"`
}

// machineFormats are what a client of /api/v1/exports may ask for, the contract's first.
var machineFormats = []string{"zip", "csv", "xlsx", "jsonl"}

// contentTypes are those of the formats.
var contentTypes = map[string]string{
	"csv":   "text/csv",
	"jsonl": "application/jsonl",
	"xlsx":  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"zip":   "application/zip",
}

// machineNames are what the outside contract calls a kind in the names of files and tasks.
var machineNames = map[string]string{"osx_app_instances": "macos_app_instances"}

// MachineDataset is the name of the dataset whose exports are MachineApps of a kind.
func MachineDataset(kind string) string { return "machine_" + machineName(kind) }

func machineName(kind string) string { return cmp.Or(machineNames[kind], kind) }

func init() {
	for _, kind := range Kinds() {
		register(Dataset{
			Name: MachineDataset(kind), Needs: Permissions(kind), Formats: machineFormats,
			New: func() Export { return new(MachineApps) },
			Ask: func(r Request) (Export, error) { return askMachineApps(kind, r) },
		})
	}
}

func askMachineApps(kind string, r Request) (Export, error) {
	var options struct {
		SourceName string `json:"source_name"`
	}
	if err := decodeOptions(r.Options, &options); err != nil {
		return nil, err
	}
	return &MachineApps{Kind: kind, Format: r.Format, Source: options.SourceName, Scope: r.Scope}, nil
}

// fileTime is how moments stand in names of files.
const fileTime = "2006-01-02_15-04-05"

// File implements Export.
func (e *MachineApps) File(at time.Time) File {
	return File{
		Name:        fmt.Sprintf("inventory_machine_%s_export-%s.%s", machineName(e.Kind), at.UTC().Format(fileTime), e.Format),
		ContentType: contentTypes[e.Format],
	}
}

// Write implements Export.
func (e *MachineApps) Write(ctx context.Context, s *store.Store, out Output) error {
	w, discard, err := e.table(out)
	if err != nil {
		return err
	}
	defer discard()
	return writeFacts(ctx, s, e.Kind, Filter{Source: e.Source, Scope: e.Scope}, w, out.Progress)
}

// table opens the file. What it returns last removes what an unfinished file leaves behind.
func (e *MachineApps) table(out Output) (table.Writer, func(), error) {
	nothing := func() {}
	switch e.Format {
	case "zip":
		return newSourceFiles(out, time.Now(), table.Spelled(table.Python)), nothing, nil
	case "csv":
		return table.NewCSV(out), nothing, nil
	case "jsonl":
		return table.NewJSONL(out), nothing, nil
	case "xlsx":
		w, err := newSpreadsheet(out, title(machineName(e.Kind)), table.RFC)
		if err != nil {
			return nil, nil, err
		}
		return w, w.book.Discard, nil
	}
	return nil, nil, fmt.Errorf("there is no format %q", e.Format)
}
