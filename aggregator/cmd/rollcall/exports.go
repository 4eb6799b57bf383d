// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/client"
)

type exportsCmd struct {
	List exportList `cmd:"" help:"List what can be exported."`
	Run  exportRun  `cmd:"" help:"Begin an export; with --wait, until the file is here."`
}

type exportList struct{}

// Run lists the datasets.
func (exportList) Run(p *program) error {
	return p.list("/api/v1/exports", "exports", nil,
		column{"DATASET", "dataset"}, column{"FORMATS", "formats"}, column{"ALLOWED", "allowed"}, column{"PERMISSIONS", "permissions"})
}

type exportRun struct {
	Dataset string   `arg:"" help:"What to export: see rollcall exports list."`
	Format  string   `help:"In which format; the dataset's first one by default."`
	Option  []string `short:"p" placeholder:"NAME=VALUE" help:"An option of the dataset; may be repeated. VALUE is JSON, or a text."`
	Wait    bool     `help:"Wait, and fetch the file."`
	File    string   `short:"f" placeholder:"FILE" help:"Where the file goes: a file or a folder; - is standard output. Its own name, here, by default."`
}

// Run begins an export.
func (e *exportRun) Run(p *program) error {
	if e.File != "" && !e.Wait {
		return usage("--file takes --wait")
	}
	options, err := e.options()
	if err != nil {
		return err
	}
	c, err := p.connect()
	if err != nil {
		return err
	}
	body := map[string]any{"dataset": e.Dataset}
	if e.Format != "" {
		body["format"] = e.Format
	}
	if len(options) > 0 {
		body["options"] = options
	}
	var begun task
	if err := c.Do(p.ctx, http.MethodPost, "/api/v1/exports", nil, body, &begun); err != nil {
		return err
	}
	if !e.Wait {
		fmt.Fprintf(p.err, "Begun; rollcall tasks wait %s fetches the file.\n", begun.ID)
		_, err := fmt.Fprintln(p.out, begun.ID)
		return err
	}
	return p.await(c, begun.ID, e.File)
}

// options reads NAME=VALUE.
func (e *exportRun) options() (map[string]any, error) {
	options := map[string]any{}
	for _, text := range e.Option {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usage("--option %s: write NAME=VALUE", text)
		}
		var v any
		if json.Unmarshal([]byte(value), &v) != nil {
			v = value
		}
		options[name] = v
	}
	return options, nil
}

// fetch downloads the file of a task to where it should go. A file that is cut off is not left behind.
func (p *program) fetch(c *client.Client, id, to string) error {
	path := "/api/v1/tasks/" + url.PathEscape(id) + "/download"
	if to == "-" {
		_, err := c.Download(p.ctx, path, p.out, nil)
		return err
	}
	folder, name := filepath.Split(to)
	if at, err := os.Stat(to); to != "" && err == nil && at.IsDir() {
		folder, name = to, ""
	}
	file, err := os.CreateTemp(here(folder), ".rollcall-*")
	if err != nil {
		return err
	}
	bar := p.bar("download", true)
	given, err := c.Download(p.ctx, path, file, bar.at)
	bar.end()
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	if name == "" {
		name = given
	}
	if name == "" {
		name = id
	}
	target := filepath.Join(folder, name)
	if err := os.Chmod(file.Name(), 0o644); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	if err := os.Rename(file.Name(), target); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	_, err = fmt.Fprintln(p.out, target)
	return err
}

// here is the folder in which a file goes that names none: this one.
func here(folder string) string {
	if folder == "" {
		return "."
	}
	return folder
}
