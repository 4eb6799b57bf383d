// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Export is one file to be made in the background. An implementation is a struct of what was asked for, which survives
// encoding/json; it was checked when it was asked for.
type Export interface {
	// File names the file that is begun at a moment.
	File(at time.Time) File
	// Write writes the whole file. It may be called again from the beginning after a crash, with another file.
	Write(ctx context.Context, s *store.Store, out Output) error
}

// File is what a download says of itself.
type File struct {
	Name        string // without a folder
	ContentType string
}

// Output is where an export goes.
type Output struct {
	io.Writer
	// Progress is told how many of how many rows are done; the total is what is expected. It may be called for every row.
	Progress func(done, total int64)
	// Folder is where temporary files may stand; "": the system's.
	Folder string
}

// Dataset is one sort of export, as the file that makes it registers it in its init.
type Dataset struct {
	// Name is under which a task keeps its exports, and what /api/v1/exports calls it: it must not change.
	Name string
	// Task is what the outside contract calls the task; "": its usual prefix, export_ and Name.
	Task string
	// Needs is what it takes to ask for one and to download it, all of them.
	Needs []auth.Permission
	// Formats are what Ask takes, the default first.
	Formats []string
	// New returns an empty export, a pointer, for a kept one to be decoded into.
	New func() Export
	// Ask returns the export that a client of /api/v1/exports asks for; its errors are the client's, and say where they
	// are. nil: it is not offered there.
	Ask func(Request) (Export, error)
}

// Request is what a client of /api/v1/exports asks for.
type Request struct {
	Format  string          // one of the dataset's formats
	Options json.RawMessage // a JSON object; nil: none
	Scope   auth.Scope      // the machines that it may tell of; the options never say that
}

// datasets is every sort of export by its name. It is filled in init and read-only afterwards.
var datasets = map[string]Dataset{}

// register adds a dataset; it is for init.
func register(d Dataset) {
	if d.Task == "" {
		d.Task = "zentral.contrib.inventory.tasks.export_" + d.Name
	}
	if _, twice := datasets[d.Name]; twice || d.Name == "" || d.New == nil || len(d.Needs) == 0 || len(d.Formats) == 0 {
		panic("export: dataset " + d.Name + " is registered twice, or not whole") //nolint:forbidigo // a mistake in the program
	}
	datasets[d.Name] = d
}

// Datasets returns every sort of export by name.
func Datasets() []Dataset {
	return slices.SortedFunc(maps.Values(datasets), func(a, b Dataset) int { return strings.Compare(a.Name, b.Name) })
}

// DatasetNamed returns one sort of export, and whether there is one.
func DatasetNamed(name string) (Dataset, bool) {
	d, ok := datasets[name]
	return d, ok
}

// Decode returns the export that a task was kept with.
func Decode(dataset string, options json.RawMessage) (Export, error) {
	d, ok := datasets[dataset]
	if !ok {
		return nil, fmt.Errorf("there is no export %q", dataset)
	}
	e := d.New()
	if err := json.Unmarshal(options, e); err != nil {
		return nil, fmt.Errorf("options of the export %s: %w", dataset, err)
	}
	return e, nil
}
