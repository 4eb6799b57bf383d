// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/client"
)

type tasksCmd struct {
	List   taskList   `cmd:"" help:"List your tasks."`
	Get    taskGet    `cmd:"" help:"Show one task."`
	Wait   taskWait   `cmd:"" help:"Wait for a task, and fetch its file."`
	Cancel taskCancel `cmd:"" help:"End a task."`
}

// task is what the API says of one.
type task struct {
	ID     string  `json:"id"`
	Status string  `json:"status"`
	Done   int64   `json:"done"`
	Total  int64   `json:"total"`
	Error  string  `json:"error"`
	File   *string `json:"download_url"`
}

// unready tells whether it will still change.
func (t *task) unready() bool {
	switch t.Status {
	case "PENDING", "STARTED", "RETRY":
		return true
	}
	return false
}

func taskPath(id string) string { return "/api/v1/tasks/" + url.PathEscape(id) }

type taskList struct{}

// Run lists tasks.
func (taskList) Run(p *program) error {
	return p.list("/api/v1/tasks", "tasks", nil, column{"ID", "id"}, column{"NAME", "name"}, column{"STATUS", "status"},
		column{"DONE", "done"}, column{"TOTAL", "total"}, column{"CREATED", "created_at"}, column{"EXPIRES", "expires_at"})
}

type taskGet struct {
	ID string `arg:"" help:"The task."`
}

// Run shows a task.
func (g *taskGet) Run(p *program) error { return p.show(taskPath(g.ID), nil) }

type taskCancel struct {
	ID string `arg:"" help:"The task."`
}

// Run ends a task.
func (c *taskCancel) Run(p *program) error { return p.remove(taskPath(c.ID)) }

type taskWait struct {
	ID   string `arg:"" help:"The task."`
	File string `short:"f" placeholder:"FILE" help:"Where its file goes: a file or a folder; - is standard output. Its own name, here, by default."`
}

// Run waits for a task.
func (w *taskWait) Run(p *program) error {
	c, err := p.connect()
	if err != nil {
		return err
	}
	return p.await(c, w.ID, w.File)
}

const (
	// firstPause and longestPause are between two looks at a task; each is half as long again as the one before.
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
)

// await waits until a task is over, and fetches its file, if it has one.
func (p *program) await(c *client.Client, id, file string) error {
	bar := p.bar("rows", false)
	defer bar.end()
	for pause := firstPause; ; pause = min(pause+pause/2, longestPause) {
		var t task
		if err := c.Do(p.ctx, http.MethodGet, taskPath(id), nil, nil, &t); err != nil {
			return err
		}
		bar.at(t.Done, t.Total)
		if !t.unready() {
			bar.end()
			return p.ended(c, &t, file)
		}
		select {
		case <-p.ctx.Done():
			return p.ctx.Err()
		case <-time.After(pause):
		}
	}
}

// ended tells what became of a task.
func (p *program) ended(c *client.Client, t *task, file string) error {
	switch {
	case t.Status != "SUCCESS" && t.Error != "":
		return fmt.Errorf("task %s: %s: %s", t.ID, t.Status, t.Error)
	case t.Status != "SUCCESS":
		return fmt.Errorf("task %s: %s", t.ID, t.Status)
	case t.File == nil:
		return p.show(taskPath(t.ID), nil)
	}
	return p.fetch(c, t.ID, file)
}

// bar shows on a terminal how far something is; elsewhere it shows nothing.
type bar struct {
	what  string
	bytes bool
	out   io.Writer
	shown *progressbar.ProgressBar
	over  bool
}

func (p *program) bar(what string, bytes bool) *bar {
	b := &bar{what: what, bytes: bytes}
	if file, ok := p.err.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			b.out = file
		}
	}
	return b
}

// at shows how much of how much is done; a total of 0 or less is not known.
func (b *bar) at(done, total int64) {
	if b.out == nil || b.over {
		return
	}
	if total <= 0 {
		total = -1
	}
	if b.shown == nil {
		b.shown = progressbar.NewOptions64(total, progressbar.OptionSetWriter(b.out), progressbar.OptionSetDescription(b.what),
			progressbar.OptionShowBytes(b.bytes), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSpinnerType(14))
	}
	if total > 0 && total != b.shown.GetMax64() {
		b.shown.ChangeMax64(total)
	}
	_ = b.shown.Set64(done) // a terminal that is gone needs no progress
}

// end takes the bar away.
func (b *bar) end() {
	if b.shown != nil && !b.over {
		_ = b.shown.Exit() // as above
		_ = b.shown.Clear()
	}
	b.over = true
}
