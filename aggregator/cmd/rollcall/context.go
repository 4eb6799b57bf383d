// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// target is an aggregator and who calls it.
type target struct {
	URL    string `yaml:"url"`
	Token  string `yaml:"token,omitempty"`
	CAFile string `yaml:"ca_file,omitempty"`
}

// contexts is the configuration file.
type contexts struct {
	Current  string            `yaml:"current,omitempty"`
	Contexts map[string]target `yaml:"contexts,omitempty"`
}

// contextFile is where the contexts are: ROLLCALL_CONFIG, else rollcall/config.yaml in the user's folder for
// configurations.
func (p *program) contextFile() (string, error) {
	if path := p.getenv("ROLLCALL_CONFIG"); path != "" {
		return path, nil
	}
	if folder := p.getenv("XDG_CONFIG_HOME"); folder != "" {
		return filepath.Join(folder, "rollcall", "config.yaml"), nil
	}
	folder, err := os.UserConfigDir()
	if err != nil {
		return "", usage("no place for the configuration: set ROLLCALL_CONFIG: %v", err)
	}
	return filepath.Join(folder, "rollcall", "config.yaml"), nil
}

// readContexts returns the contexts; a file that is not there has none.
func (p *program) readContexts() (contexts, error) {
	path, err := p.contextFile()
	if err != nil {
		return contexts{}, err
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return contexts{Contexts: map[string]target{}}, nil
	}
	if err != nil {
		return contexts{}, err
	}
	c := contexts{}
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return contexts{}, usage("%s: %v", path, err)
	}
	if c.Contexts == nil {
		c.Contexts = map[string]target{}
	}
	return c, nil
}

// writeContexts replaces the file, which only its owner can read: there are tokens in it.
func (p *program) writeContexts(c contexts) error {
	path, err := p.contextFile()
	if err != nil {
		return err
	}
	raw, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".config-*") // 0600
	if err != nil {
		return err
	}
	_, err = file.Write(raw)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// target is the chosen context, with what flags and environment say instead.
func (p *program) target() (target, error) {
	c, err := p.readContexts()
	if err != nil {
		return target{}, err
	}
	name := p.cli.Context
	if name == "" && p.cli.URL == "" { // an address alone is nobody's context: its token would go elsewhere
		name = c.Current
	}
	chosen, ok := c.Contexts[name]
	if name != "" && !ok {
		return target{}, usage("there is no context %q; there are %s", name, known(c))
	}
	if p.cli.URL != "" {
		if name != "" && p.cli.Token == "" {
			return target{}, usage("--url with the context %q would show its token to another aggregator: give --token too", name)
		}
		chosen.URL = p.cli.URL
	}
	if p.cli.Token != "" {
		chosen.Token = p.cli.Token
	}
	if p.cli.CAFile != "" {
		chosen.CAFile = p.cli.CAFile
	}
	if chosen.URL == "" {
		return target{}, usage("no aggregator: rollcall contexts add NAME --url URL --token-file FILE, or set ROLLCALL_URL and ROLLCALL_TOKEN")
	}
	return chosen, nil
}

func known(c contexts) string {
	if len(c.Contexts) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(c.Contexts)), ", ")
}

type contextsCmd struct {
	Add    contextAdd    `cmd:"" help:"Add a context, or replace one, and use it from now on."`
	List   contextList   `cmd:"" help:"List the contexts."`
	Use    contextUse    `cmd:"" help:"Use a context from now on."`
	Remove contextRemove `cmd:"" help:"Forget a context."`
}

type contextAdd struct {
	Name      string `arg:"" help:"What to call it."`
	TokenFile string `placeholder:"FILE" help:"Read the token from this file; - is standard input."`
}

// Run adds a context made of --url, --ca-file and a token.
func (a *contextAdd) Run(p *program) error {
	added := target{URL: p.cli.URL, Token: p.cli.Token, CAFile: p.cli.CAFile}
	if added.URL == "" {
		return usage("--url is missing")
	}
	if a.TokenFile != "" {
		raw, err := p.readFile(a.TokenFile)
		if err != nil {
			return err
		}
		added.Token = strings.TrimSpace(string(raw))
	}
	if added.CAFile != "" {
		path, err := filepath.Abs(added.CAFile)
		if err != nil {
			return err
		}
		added.CAFile = path
	}
	c, err := p.readContexts()
	if err != nil {
		return err
	}
	c.Contexts[a.Name], c.Current = added, a.Name
	return p.writeContexts(c)
}

// readFile reads a small file, or standard input.
func (p *program) readFile(path string) ([]byte, error) {
	const limit = 64 << 10
	if path == "-" {
		return io.ReadAll(io.LimitReader(p.in, limit))
	}
	return os.ReadFile(path)
}

type contextList struct{}

// Run lists the contexts, without their tokens.
func (contextList) Run(p *program) error {
	c, err := p.readContexts()
	if err != nil {
		return err
	}
	t := p.table(column{"NAME", "name"}, column{"URL", "url"}, column{"CURRENT", "current"})
	for _, name := range slices.Sorted(maps.Keys(c.Contexts)) {
		row := map[string]any{"name": name, "url": c.Contexts[name].URL, "current": name == c.Current}
		if err := t.add(row); err != nil {
			return err
		}
	}
	return t.end()
}

type contextUse struct {
	Name string `arg:"" help:"The context."`
}

// Run changes the current context.
func (u *contextUse) Run(p *program) error {
	c, err := p.readContexts()
	if err != nil {
		return err
	}
	if _, ok := c.Contexts[u.Name]; !ok {
		return usage("there is no context %q; there are %s", u.Name, known(c))
	}
	c.Current = u.Name
	return p.writeContexts(c)
}

type contextRemove struct {
	Name string `arg:"" help:"The context."`
}

// Run forgets a context.
func (r *contextRemove) Run(p *program) error {
	c, err := p.readContexts()
	if err != nil {
		return err
	}
	if _, ok := c.Contexts[r.Name]; !ok {
		return usage("there is no context %q; there are %s", r.Name, known(c))
	}
	delete(c.Contexts, r.Name)
	if c.Current == r.Name {
		c.Current = ""
	}
	if err := p.writeContexts(c); err != nil {
		return err
	}
	if c.Current == "" && len(c.Contexts) > 0 {
		fmt.Fprintf(p.err, "No context is current now; there are %s.\n", known(c))
	}
	return nil
}
