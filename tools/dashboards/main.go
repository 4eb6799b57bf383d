// SPDX-License-Identifier: Apache-2.0

// Command dashboards writes the Grafana dashboards of Rollcall, one JSON file each, into the folder given.
//
//	dashboards folder
//
// They read what the recording rules in packaging/prometheus make, and the aggregator's own metrics. What they look like is
// said here and nowhere else: every panel of a kind is drawn the same way, and the layout follows from the order.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dashboards:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want a folder, got %q", args)
	}
	for name, d := range map[string]dashboard{"fleet": fleet(), "compliance": compliance(), "aggregator": aggregator()} {
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false) // expressions compare
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(d); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(args[0], name+".json"), out.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
