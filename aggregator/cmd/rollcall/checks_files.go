// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/checkfile"
)

// readChecks reads the checks of files and folders. What is wrong with any of them is told at once.
func (p *program) readChecks(paths []string) ([]checkfile.Check, error) {
	var checks []checkfile.Check
	var problems []error
	for _, path := range paths {
		files, err := checkFiles(path)
		if err != nil {
			return nil, usage("%v", err)
		}
		for _, file := range files {
			raw, err := p.readBounded(file)
			if err != nil {
				return nil, usage("%v", err)
			}
			found, err := checkfile.Parse(file, raw, time.Now().UTC())
			checks, problems = append(checks, found...), append(problems, err)
		}
	}
	if err := errors.Join(append(problems, checkfile.Unique(checks))...); err != nil {
		return nil, fmt.Errorf("%w:\n%w", errUsage, err)
	}
	if len(checks) == 0 {
		return nil, usage("there is no check in %v", paths)
	}
	return checks, nil
}

// checkFiles are the files of a folder, by name, or the file itself.
func checkFiles(path string) ([]string, error) {
	if path == "-" {
		return []string{path}, nil
	}
	at, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !at.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path) // by name
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if end := filepath.Ext(e.Name()); !e.IsDir() && (end == ".yaml" || end == ".yml") {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	return files, nil
}

// readBounded reads a file, or standard input, that is not larger than a file of checks may be, by a byte at most.
func (p *program) readBounded(path string) ([]byte, error) {
	from := p.in
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		from = file
	}
	return io.ReadAll(io.LimitReader(from, checkfile.MaxBytes+1))
}
