// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect"
	"github.com/rollcall-inventory/rollcall/agent/internal/config"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/identity"
	"github.com/rollcall-inventory/rollcall/agent/internal/schedule"
	"github.com/rollcall-inventory/rollcall/agent/internal/spool"
	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// collectVerb prints the inventory of this machine. It needs no state folder, no aggregator and no privilege; what it
// could not read it names on stderr.
func collectVerb(ctx context.Context, flags config.Collect, t terminal) error {
	machine := host.At(flags.Root)
	configuration := schedule.Configuration{}
	if flags.ShowWhatIsSent {
		configuration = wanted(flags.StateDir, t)
	}
	report := collect.Run(ctx, machine, configuration.Options(flags.DisabledCollectors))
	pending, troubles := schedule.Prepare(report)
	var err error
	switch {
	case flags.ShowWhatIsSent:
		vitals, _ := collect.Vitals(ctx, machine) // what could not be measured is not sent
		health := schedule.HealthOf(troubles, report.Runs, configuration.Version, "", version)
		evidence, _ := identity.Read(ctx, machine) // what could not be read is not sent
		err = printSent(t, flags.Format, pending, vitals, health, evidence)
	case flags.Format == "json":
		err = printTree(t.out, report)
	case flags.Format == "ndjson":
		err = printRows(t.out, report)
	default:
		err = printTable(t.out, report, pending)
	}
	if err != nil {
		return err
	}
	return tellTroubles(t.err, troubles)
}

// tellTroubles names what could not be read. Missing privilege is no failure of the program.
func tellTroubles(w io.Writer, troubles []collect.Trouble) error {
	failed := 0
	for _, trouble := range troubles {
		if trouble.Denied {
			fmt.Fprintf(w, "not readable without more privilege: %s: %v\n", trouble.Collector, trouble.Err)
			continue
		}
		failed++
		fmt.Fprintf(w, "collector failed: %s: %v\n", trouble.Collector, trouble.Err)
	}
	if failed > 0 {
		return config.WithExit(config.ExitPartial, fmt.Errorf("%d of the collectors failed", failed))
	}
	return nil
}

// printTree writes the whole inventory as one JSON document.
func printTree(w io.Writer, report collect.Report) error {
	raw, err := asset.JSON(report.Snapshot)
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, raw, "", "  "); err != nil {
		return err
	}
	pretty.WriteByte('\n')
	_, err = pretty.WriteTo(w)
	return err
}

// fact is one line of ndjson.
type fact struct {
	Kind string          `json:"kind"`
	Fact json.RawMessage `json:"fact"`
}

// printRows writes one JSON object a line: the kind and the fact.
func printRows(w io.Writer, report collect.Report) error {
	raw, err := asset.JSON(report.Snapshot)
	if err != nil {
		return err
	}
	tree := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &tree); err != nil {
		return err
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, kind := range slices.Sorted(maps.Keys(tree)) {
		rows := []json.RawMessage{tree[kind]}
		if bytes.HasPrefix(tree[kind], []byte("[")) {
			if err := json.Unmarshal(tree[kind], &rows); err != nil {
				return err
			}
		}
		for _, row := range rows {
			if err := encoder.Encode(fact{kind, row}); err != nil {
				return err
			}
		}
	}
	return nil
}

// printTable writes what was found of each kind.
func printTable(w io.Writer, report collect.Report, pending spool.Pending) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "KIND\tFACTS\tSTATE")
	for _, kind := range slices.Sorted(maps.Keys(report.Sections)) {
		count := "-"
		if section := pending.Set[kind]; section != nil {
			count = fmt.Sprint(len(section.Assets))
		}
		state := map[collect.State]string{
			collect.Set: "collected", collect.Keep: "failed", collect.Drop: "not on this machine or switched off",
		}[report.Sections[kind]]
		fmt.Fprintf(out, "%s\t%s\t%s\n", kind, count, state)
	}
	return out.Flush()
}
