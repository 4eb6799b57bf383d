// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// EnrollmentCreate is the verb enrollment create.
type EnrollmentCreate struct {
	Database
	Name         string        `required:"" help:"What the secret is for."`
	BusinessUnit string        `name:"business-unit" help:"The business unit of the machines."`
	Tag          []string      `help:"A tag of the machines; may be repeated."`
	Quota        int           `help:"How many machines may enrol. Any number by default."`
	Expires      time.Duration `help:"When it ends, from now: 12h, 30d. Never by default."`

	SerialNumber  []string `name:"serial-number" help:"A machine that may enrol, by the serial number that it is known under; may be repeated. Every machine by default."`
	Configuration string   `placeholder:"NAME" help:"The collection configuration of the machines; the one called default otherwise."`
}

// Validate refuses an empty name, an end in the past and a negative quota.
func (e *EnrollmentCreate) Validate() error {
	if err := e.Database.Validate(); err != nil {
		return err
	}
	if e.Quota < 0 {
		return fmt.Errorf("--quota %d: at least 1, or 0 for any number", e.Quota)
	}
	return validateNew(e.Name, e.Expires)
}

// EnrollmentConfigure is the verb enrollment configure.
type EnrollmentConfigure struct {
	Database
	Name          string `arg:"" help:"The enrolment."`
	Configuration string `placeholder:"NAME" help:"The collection configuration of its machines; without it, the one called default."`
}

// List is a verb that lists.
type List struct {
	Database
	JSON bool `name:"json" help:"One JSON object a line instead of a table."`
}

// Revoke is a verb that ends one token or enrolment.
type Revoke struct {
	Database
	Name string `arg:"" help:"Its name."`
}

// Healthcheck is the verb healthcheck.
type Healthcheck struct {
	URL     string        `name:"url" default:"http://127.0.0.1:8480" help:"The aggregator to ask (default ${default})."`
	CAFile  string        `name:"ca-file" placeholder:"FILE" help:"Trust the certificates of this PEM file instead of the system's."`
	Timeout time.Duration `default:"5s" help:"How long to wait (default ${default})."`
}

// Validate wants a URL with a host.
func (h *Healthcheck) Validate() error {
	u, err := url.Parse(h.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("--url %s: write it like https://rollcall.example:8480", h.URL)
	}
	if h.Timeout <= 0 {
		return fmt.Errorf("--timeout %s: more than 0", h.Timeout)
	}
	return nil
}

// validateNew checks what everything that is created by name has.
func validateNew(name string, expires time.Duration) error {
	if strings.TrimSpace(name) == "" {
		return fmt.Errorf("--name is empty")
	}
	if expires < 0 {
		return fmt.Errorf("--expires %s: it would be over already", expires)
	}
	return nil
}
