// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// progressInterval is how often progress is written at most.
const progressInterval = time.Second

// Report takes what a running job has to tell. It is safe for concurrent use while the job runs.
type Report struct {
	client *river.Client[pgx.Tx]
	job    int64

	mu      sync.Mutex
	output  output
	written time.Time
}

// output is what is stored of a job beside its state.
type output struct {
	Done   int64           `json:"done"`
	Total  int64           `json:"total"`
	Result json.RawMessage `json:"result,omitempty"`
}

// Progress tells how many of how many steps are done; total may still be 0. It is stored once a second at most, so that
// it may be called for every step.
func (r *Report) Progress(ctx context.Context, done, total int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.output.Done, r.output.Total = done, total
	if err := r.keep(ctx); err != nil {
		return err
	}
	if time.Since(r.written) < progressInterval {
		return nil // the end of the run stores the last one
	}
	r.written = time.Now()
	if _, err := r.client.JobUpdate(ctx, r.job, nil); err != nil {
		return fmt.Errorf("store the progress: %w", err)
	}
	return nil
}

// Result sets what the job leaves behind, some kilobytes of JSON at the most. It is stored when the run ends, however it
// ends.
func (r *Report) Result(ctx context.Context, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.output.Result = raw
	return r.keep(ctx)
}

// keep hands the output to the queue, which stores it with the end of the run.
func (r *Report) keep(ctx context.Context) error {
	if err := river.RecordOutput(ctx, r.output); err != nil {
		return fmt.Errorf("report of a task: %w", err)
	}
	return nil
}
