// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

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
}

// datasets make an empty Export of each sort, by the name under which a task keeps it. It is filled in init and read-only
// afterwards.
var datasets = map[string]func() Export{}

// Decode returns the export that a task was kept with.
func Decode(dataset string, options json.RawMessage) (Export, error) {
	empty, ok := datasets[dataset]
	if !ok {
		return nil, fmt.Errorf("there is no export %q", dataset)
	}
	e := empty()
	if err := json.Unmarshal(options, e); err != nil {
		return nil, fmt.Errorf("options of the export %s: %w", dataset, err)
	}
	return e, nil
}
