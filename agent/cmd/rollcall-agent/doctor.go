// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/config"
	"github.com/rollcall-inventory/rollcall/agent/internal/doctor"
	"github.com/rollcall-inventory/rollcall/agent/internal/identity"
	"github.com/rollcall-inventory/rollcall/agent/internal/upload"
)

// doctorVerb says where the way to the aggregator is broken. It takes no lock and writes nothing: the agent may run.
func doctorVerb(ctx context.Context, flags config.Doctor, t terminal) error {
	enrolled, err := enrolledAt(flags.StateDir)
	if err != nil && (!errors.Is(err, identity.ErrNotEnrolled) || flags.Server == "") {
		return err
	}
	options := doctor.Options{
		Server: flags.Server, Transport: flags.Transport, CAFile: flags.CAFile, PlainHTTP: flags.InsecurePlainHTTP, Timeout: flags.Timeout,
	}
	credential := ""
	if enrolled != nil {
		options.Server = cmp.Or(options.Server, enrolled.Server)
		options.CAFile = cmp.Or(options.CAFile, enrolled.CAFile)
	}
	if enrolled != nil && options.Server == enrolled.Server { // another aggregator has nothing to do with the credential
		options.PlainHTTP = options.PlainHTTP || enrolled.PlainHTTP
		options.GRPCAddress = enrolled.GRPCAddress
		credential = enrolled.Credential
	}
	client, err := upload.New(upload.Options{
		Server: options.Server, GRPCAddress: options.GRPCAddress, Transport: options.Transport, CAFile: options.CAFile,
		PlainHTTP: options.PlainHTTP, Credential: credential, Version: version, Log: t.log,
	})
	if err != nil {
		return err
	}
	defer client.Close()
	if credential != "" {
		options.Authenticate = client.Authenticate
	}
	report, err := doctor.Examine(ctx, options)
	if err != nil {
		return err
	}
	if flags.JSON {
		encoder := json.NewEncoder(t.out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	} else {
		err = printDiagnosis(t.out, report)
	}
	return errors.Join(err, report.Err())
}

// enrolledAt reads the identity from a state folder.
func enrolledAt(stateDir string) (*identity.Enrolled, error) {
	dir, err := openExisting(stateDir)
	if err != nil {
		return nil, err
	}
	return identity.Load(dir)
}

// printDiagnosis writes the steps for people.
func printDiagnosis(w io.Writer, report doctor.Report) error {
	fmt.Fprintf(w, "the way to %s\n\n", report.Server)
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range report.Checks {
		result := string(c.Result)
		if c.Harmless {
			result += " (harmless)"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\n", c.Name, result, c.Detail)
		if c.Advice != "" {
			fmt.Fprintf(out, "\t\t-> %s\n", c.Advice)
		}
		for i, one := range c.Certificates {
			printCertificate(out, i, one)
		}
	}
	return out.Flush()
}

// printCertificate writes one certificate of a chain.
func printCertificate(w io.Writer, place int, c doctor.Certificate) {
	fmt.Fprintf(w, "\t\tcertificate %d: %s\n", place, c.Subject)
	fmt.Fprintf(w, "\t\t  issuer:  %s\n", c.Issuer)
	fmt.Fprintf(w, "\t\t  valid:   %s to %s\n", c.NotBefore.Format(time.RFC3339), c.NotAfter.Format(time.RFC3339))
	fmt.Fprintf(w, "\t\t  SHA-256: %s\n", c.SHA256)
	if c.Problem != "" {
		fmt.Fprintf(w, "\t\t  problem: %s\n", c.Problem)
	}
}
