// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// maxResult bounds what a task leaves behind beside its file, in bytes of JSON.
const maxResult = 64 << 10

// Run is one run of a task that somebody asked for. Its methods are safe for concurrent use.
type Run struct {
	queue *Queue
	task  store.Task
	job   int64

	done, total atomic.Int64
	lost        atomic.Bool // the task is not this run's any more

	mu     sync.Mutex
	result json.RawMessage
	file   *file
	told   File
}

// File is what a download says of itself.
type File struct {
	Name        string // without a folder
	ContentType string
}

// Progress tells how many of how many steps are done; total is what is expected, and may still be 0. It is stored about
// once a second, so that it may be called for every step.
func (r *Run) Progress(done, total int64) {
	r.done.Store(done)
	r.total.Store(total)
}

// Result sets what the task leaves behind: what encodes to a JSON object, some kilobytes at the most.
func (r *Run) Result(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	if len(raw) > maxResult {
		return fmt.Errorf("the result has %d bytes, more than %d", len(raw), maxResult)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result = raw
	return nil
}

// Create begins the file that the task leaves for download, one at the most. It belongs to the run: that keeps it when
// the run goes well and removes it otherwise. Writing ends with an error when the files of all tasks get too large, and when ctx has ended.
func (r *Run) Create(ctx context.Context, f File) (io.Writer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file != nil {
		return nil, errors.New("a task leaves one file")
	}
	name := newFileName()
	if err := r.queue.store.NameTaskFile(ctx, r.task.ID, r.job, name); err != nil { // so that no sweep takes it for a stray
		return nil, err
	}
	created, err := r.queue.files.create(name, ctx.Err)
	if err != nil {
		return nil, err
	}
	r.file, r.told = created, f
	return created, nil
}

// Folder makes the folder for what the run keeps in temporary files, beside the file that it has created. It goes with
// the run, whichever way that ends.
func (r *Run) Folder() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return "", errors.New("a task without a file has no folder")
	}
	return r.file.work()
}

// keepFile completes the file, if there is one, removes what is temporary, and returns the headers of its download.
func (r *Run) keepFile() (headers json.RawMessage, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return nil, nil
	}
	r.file.dropWork()
	size, err := r.file.keep()
	if err != nil {
		return nil, fmt.Errorf("keep the file: %w", err)
	}
	return json.Marshal(map[string]string{
		"Content-Type":        r.told.ContentType,
		"Content-Disposition": disposition(r.told.Name),
		"Content-Length":      strconv.FormatInt(size, 10),
	})
}

// dropFile removes the file, if there is one.
func (r *Run) dropFile() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file != nil {
		r.file.drop()
		r.file = nil
	}
}

// disposition makes a browser save a download under a name.
func disposition(name string) string {
	plain := true
	for _, c := range name {
		plain = plain && c > ' ' && c < 0x7f && c != '"' && c != '\\'
	}
	if plain {
		return `attachment; filename="` + name + `"`
	}
	return mime.FormatMediaType("attachment", map[string]string{"filename": name})
}
