// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// State is where the agent keeps its identity, credential and spool.
type State struct {
	StateDir string `setting:"" default:"${state_dir}" placeholder:"DIR" help:"Where identity, credential and what is not yet acknowledged are kept (default ${default})."`
}

// Tree says which files are the machine's.
type Tree struct {
	Root string `setting:"" placeholder:"DIR" help:"Look at the file tree below this folder instead of the running system's: the host's, mounted into a container, or an image."`
}

// Connection says how to reach the aggregator. What run leaves empty was settled by enroll.
type Connection struct {
	Server            string `setting:"" placeholder:"URL" help:"The aggregator, such as https://rollcall.example:8480."`
	CAFile            string `setting:"" name:"ca-file" placeholder:"FILE" help:"Trust the certificates of this PEM file instead of the system's."`
	Transport         string `setting:"" enum:"auto,grpc,connect" default:"auto" help:"How to speak to the aggregator: auto, grpc or connect (default ${default})."`
	InsecurePlainHTTP bool   `setting:"" name:"insecure-plain-http" help:"Allow http:// to an aggregator on another machine."`
}

// Collectors says what is collected.
type Collectors struct {
	DisabledCollectors []string `setting:"" name:"disabled-collectors" placeholder:"NAME,…" help:"Collectors that do not run; what they reported before is dropped."`
}

// Osquery says whether an osquery of this machine reports beside the agent.
type Osquery struct {
	Osquery       string `setting:"" enum:"auto,on,off" default:"auto" help:"Report what osquery tells as a source of its own: auto (when it is there), on (it has to be there) or off (default ${default})."`
	OsquerySocket string `setting:"" name:"osquery-socket" placeholder:"PATH" help:"Socket of osqueryd for extensions, on Windows its pipe. By default the one that osqueryd opens unless it is told otherwise."`
}

// Collect is the verb collect. Of the state folder it only reads what the aggregator wants collected.
type Collect struct {
	State
	Tree
	Collectors
	Format         string `enum:"json,ndjson,table" default:"table" help:"How to print: json, ndjson or table (default ${default})."`
	ShowWhatIsSent bool   `name:"show-what-is-sent" help:"Print what an aggregator gets of this machine, identity and vitals included, and how large it is."`
}

// Enroll is the verb enroll.
type Enroll struct {
	State
	Tree
	Connection
	Secret     string `setting:"" placeholder:"SECRET" help:"The enrolment secret. Others on this machine can read a command line: prefer --secret-file or the variable."`
	SecretFile string `setting:"" name:"secret-file" placeholder:"FILE" help:"Read the enrolment secret from this file."`
	Again      bool   `help:"Enrol a machine again that is enrolled there already: it gets a new credential, and keeps its history."`
}

// Goodbye is the verb goodbye.
type Goodbye struct {
	State
	Tree
	Connection
	Reason string `default:"uninstalled" help:"Why, for whoever reads the aggregator's log (default ${default})."`
}

// Doctor is the verb doctor.
type Doctor struct {
	State
	Connection
	JSON    bool          `name:"json" help:"Print JSON instead of text."`
	Timeout time.Duration `default:"10s" help:"How long to wait for each answer (default ${default})."`
}

// Validate wants time to wait.
func (d *Doctor) Validate() error {
	if d.Timeout <= 0 {
		return fmt.Errorf("--timeout %s: more than 0", d.Timeout)
	}
	return nil
}

// maxSecretBytes bounds the file of a secret.
const maxSecretBytes = 4 << 10

// Validate wants a server and one secret.
func (e *Enroll) Validate() error {
	switch {
	case e.Server == "":
		return errors.New("no aggregator: give --server URL")
	case e.Secret == "" && e.SecretFile == "":
		return errors.New("no enrolment secret: give --secret or --secret-file")
	case e.Secret != "" && e.SecretFile != "":
		return errors.New("--secret and --secret-file exclude each other")
	}
	return nil
}

// ReadSecret returns the enrolment secret, from its file if one is named. White space around it does not count.
func (e *Enroll) ReadSecret() (string, error) {
	if e.SecretFile == "" {
		return strings.TrimSpace(e.Secret), nil
	}
	file, err := os.Open(e.SecretFile)
	if err != nil {
		return "", WithExit(ExitUsage, fmt.Errorf("--secret-file: %w", err))
	}
	defer func() { _ = file.Close() }() // it was only read
	raw, err := io.ReadAll(io.LimitReader(file, maxSecretBytes))
	if err != nil {
		return "", WithExit(ExitUsage, fmt.Errorf("--secret-file: %w", err))
	}
	secret := strings.TrimSpace(string(raw))
	if secret == "" {
		return "", WithExit(ExitUsage, fmt.Errorf("--secret-file %s is empty", e.SecretFile))
	}
	return secret, nil
}

// Run is the verb run.
type Run struct {
	State
	Tree
	Connection
	Collectors
	Osquery
	Once     bool          `help:"Collect and report once, and end when the aggregator has it."`
	Interval time.Duration `setting:"" help:"How often to report. By default as often as the aggregator says."`
}

// minInterval keeps a typing error from turning the agent on its aggregator.
const minInterval = time.Second

// Validate refuses an interval that is too short; 0 is the aggregator's.
func (r *Run) Validate() error {
	if r.Interval != 0 && r.Interval < minInterval {
		return fmt.Errorf("--interval %s: at least %s", r.Interval, minInterval)
	}
	return nil
}

// Status is the verb status.
type Status struct {
	State
	JSON bool `name:"json" help:"Print JSON instead of text."`
}
