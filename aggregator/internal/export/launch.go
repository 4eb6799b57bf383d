// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

// jobArgs are what a task keeps of an export.
type jobArgs struct {
	Dataset string          `json:"dataset"`
	Options json.RawMessage `json:"options"`
}

// Kind implements task.Args.
func (jobArgs) Kind() string { return "export" }

// Needs implements task.Restricted. An export that this program does not know is nobody's.
func (a jobArgs) Needs() []auth.Permission {
	if d, ok := datasets[a.Dataset]; ok {
		return d.Needs
	}
	return []auth.Permission{auth.All}
}

// RegisterJob lets a queue make exports of what the store holds.
func RegisterJob(q *task.Queue, s *store.Store) {
	task.RegisterLaunched(q, func(ctx context.Context, args jobArgs, run *task.Run) error {
		e, err := Decode(args.Dataset, args.Options)
		if err != nil {
			return err
		}
		file := e.File(time.Now().UTC())
		out, err := run.Create(ctx, task.File{Name: file.Name, ContentType: file.ContentType})
		if err != nil {
			return err
		}
		folder, err := run.Folder()
		if err != nil {
			return err
		}
		return e.Write(ctx, s, Output{Writer: out, Progress: run.Progress, Folder: folder})
	})
}

// Launch queues an export for the principal of the context, and returns the id of its task.
func Launch(ctx context.Context, q *task.Queue, dataset string, e Export) (id string, err error) {
	d, ok := datasets[dataset]
	if !ok {
		return "", fmt.Errorf("there is no export %q", dataset)
	}
	options, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("options of the export %s: %w", dataset, err)
	}
	return task.Launch(ctx, q, d.Task, jobArgs{Dataset: dataset, Options: options})
}
