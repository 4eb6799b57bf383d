// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/agent/internal/identity"
	"github.com/rollcall-inventory/rollcall/agent/internal/schedule"
	"github.com/rollcall-inventory/rollcall/agent/internal/spool"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// wanted returns what the aggregator wants of this machine, nothing in particular where that is not known.
func wanted(stateDir string, t terminal) schedule.Configuration {
	dir, err := openExisting(stateDir)
	if errors.Is(err, identity.ErrNotEnrolled) {
		return schedule.Configuration{}
	}
	var configuration schedule.Configuration
	if err == nil {
		configuration, err = schedule.LoadConfiguration(dir)
	}
	if err != nil {
		fmt.Fprintf(t.err, "shown without what the aggregator switches off: %v\n", err)
	}
	return configuration
}

// sent is one asset as an aggregator gets it, or a message that travels beside the assets.
type sent struct {
	Kind string          `json:"kind"`
	ID   string          `json:"id"`
	Body json.RawMessage `json:"body"`
}

// printSent writes the canonical bodies that a first push carries, byte for byte, and what travels beside them: vitals,
// health, and what the machine shows of itself when it enrols. An asset that the aggregator knows already travels as its
// id alone.
func printSent(t terminal, format string, pending spool.Pending, vitals *syncv1.Vitals, health *syncv1.Health, evidence *syncv1.Evidence) error {
	var all []sent
	size := 0
	for _, kind := range slices.Sorted(maps.Keys(pending.Set)) {
		for _, a := range pending.Set[kind].Assets {
			all = append(all, sent{Kind: kind, ID: a.Digest.ID().String(), Body: a.Body})
			size += len(a.Body)
		}
	}
	facts := len(all)
	hostname, _ := os.Hostname() // only for people who look at enrolments
	for _, beside := range []struct {
		name    string
		message proto.Message
	}{
		{"vitals", vitals},
		{"health", health},
		{"enrollment", &syncv1.EnrollRequest{Evidence: evidence, Hostname: hostname, AgentVersion: version}},
	} {
		raw, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(beside.message)
		if err != nil {
			return err
		}
		all = append(all, sent{Kind: beside.name, Body: raw})
	}
	if err := printAssets(t.out, all, format); err != nil {
		return err
	}
	_, err := fmt.Fprintf(t.err, "%d facts of %d kinds, %d bytes before compression; then only what changed. "+
		"Every call also has digests of these, a random id of the agent process and a counter.\n", facts, len(pending.Set), size)
	return err
}

// printAssets writes one asset a line; no format touches a body.
func printAssets(w io.Writer, all []sent, format string) error {
	if format != "json" && format != "ndjson" {
		for _, a := range all {
			if _, err := fmt.Fprintln(w, strings.Join([]string{a.Kind, a.ID, string(a.Body)}, "\t")); err != nil {
				return err
			}
		}
		return nil
	}
	begin, between, end := "", "\n", "\n"
	if format == "json" {
		begin, between, end = "[\n", ",\n", "\n]\n"
	}
	var out bytes.Buffer
	out.WriteString(begin)
	for i, a := range all {
		if i > 0 {
			out.WriteString(between)
		}
		line, err := a.line()
		if err != nil {
			return err
		}
		out.Write(line)
	}
	out.WriteString(end)
	_, err := out.WriteTo(w)
	return err
}

// line is the asset as one JSON object, its body as it is: encoding/json would escape some of its characters.
func (s sent) line() ([]byte, error) {
	kind, err := json.Marshal(s.Kind)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"kind":%s,"id":%q,"body":%s}`, kind, s.ID, s.Body), nil
}
