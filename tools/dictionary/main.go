// SPDX-License-Identifier: Apache-2.0

// Command dictionary writes docs/data-dictionary.md from the comments of the .proto files given and from a table of what
// is collected where, and why. It refuses a table that lacks a kind or names a field that the model does not have.
//
//	dictionary coverage.yaml file.proto …
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "dictionary:", err)
		os.Exit(1)
	}
}

func run(paths []string, w io.Writer) error {
	if len(paths) < 2 {
		return fmt.Errorf("want a table and .proto files, got %q", paths)
	}
	table, err := readCoverage(paths[0])
	if err != nil {
		return err
	}
	m := model{}
	for _, path := range paths[1:] {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		m.parse(string(text))
	}
	if err := table.check(m); err != nil {
		return fmt.Errorf("%s: %w", paths[0], err)
	}
	out := bufio.NewWriter(w)
	page{out, m, table}.write()
	return out.Flush()
}
