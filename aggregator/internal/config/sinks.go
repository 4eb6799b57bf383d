// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
)

// The kinds of sinks.
const (
	FileSink    = "file"
	WebhookSink = "webhook"
)

// Sink is where events go.
type Sink struct {
	Name   string       `json:"name"` // lower case, digits, - and _
	Kind   string       `json:"kind"` // FileSink or WebhookSink
	Filter event.Filter `json:"filter"`

	Path   string `json:"path"`    // of the file; "-": standard output
	MaxMiB int    `json:"max_mib"` // when the file is rotated; 0: 100
	Keep   int    `json:"keep"`    // how many rotated files stay; 0: 10

	URL         string        `json:"url"`
	Secret      string        `json:"secret"`       // whsec_… as Standard Webhooks spells it
	SecretFile  string        `json:"secret_file"`  // where it stands instead
	CAFile      string        `json:"ca_file"`      // who else than the system's authorities is trusted
	Timeout     time.Duration `json:"timeout"`      // of an attempt; 0: 15 s
	MaxAttempts int           `json:"max_attempts"` // then the event is a dead letter; 0: 20
	FirstRetry  time.Duration `json:"first_retry"`  // 0: 1 s; it doubles
	LastRetry   time.Duration `json:"last_retry"`   // 0: 5 min
	Concurrency int           `json:"concurrency"`  // machines whose events are on their way at once; 0: 8
}

// Sinks are the sinks of the configuration.
type Sinks []Sink

func (Sinks) isWhole() {}

// Delivery says how webhooks of probes are called; zero values as in Sink.
type Delivery struct {
	Timeout     time.Duration `json:"timeout"`
	MaxAttempts int           `json:"max_attempts"`
	FirstRetry  time.Duration `json:"first_retry"`
	LastRetry   time.Duration `json:"last_retry"`
	Concurrency int           `json:"concurrency"`
}

func (Delivery) isWhole() {}

// Sink returns the delivery as that of a sink without a name.
func (d Delivery) Sink() Sink {
	return Sink{Timeout: d.Timeout, MaxAttempts: d.MaxAttempts, FirstRetry: d.FirstRetry, LastRetry: d.LastRetry, Concurrency: d.Concurrency}
}

// EventSerialization says what events carry of a machine; nil stands for true.
type EventSerialization struct {
	IncludeGroups        *bool `json:"include_groups"`
	IncludePrincipalUser *bool `json:"include_principal_user"`
}

func (EventSerialization) isWhole() {}

// Groups tells whether events carry the groups of a machine.
func (e EventSerialization) Groups() bool { return e.IncludeGroups == nil || *e.IncludeGroups }

// PrincipalUser tells whether events carry who uses a machine.
func (e EventSerialization) PrincipalUser() bool {
	return e.IncludePrincipalUser == nil || *e.IncludePrincipalUser
}

// Events are the settings of what others are told.
type Events struct {
	Sinks              Sinks              `setting:"" placeholder:"YAML" help:"Where events go: a list of mappings with name, kind (file or webhook), filter, and path, or url and secret_file."`
	ProbeDelivery      Delivery           `setting:"" name:"probe-delivery" placeholder:"YAML" help:"How the webhooks of probes are called: a mapping with timeout, max_attempts, first_retry, last_retry and concurrency."`
	EventSerialization EventSerialization `setting:"" name:"event-serialization" placeholder:"YAML" help:"What events carry of a machine: a mapping with include_groups and include_principal_user, both true by default."`
}

func (e *Events) validate() error {
	for i := range e.Sinks {
		s := &e.Sinks[i]
		if slices.ContainsFunc(e.Sinks[:i], func(other Sink) bool { return other.Name == s.Name }) {
			return fmt.Errorf("sinks[%d].name: there is a sink %q already", i, s.Name)
		}
		if err := s.validate(); err != nil {
			return fmt.Errorf("sinks[%d].%w", i, err)
		}
		if s.Kind == FileSink && slices.ContainsFunc(e.Sinks[:i], func(other Sink) bool { return other.Path == s.Path }) {
			return fmt.Errorf("sinks[%d].path: another sink writes to %s already", i, s.Path)
		}
	}
	probes := e.ProbeDelivery.Sink()
	if err := probes.validateDelivery(); err != nil {
		return fmt.Errorf("probe_delivery.%w", err)
	}
	return nil
}

// sinkName is how a sink may be called: metrics and the API name it.
var sinkName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

func (s *Sink) validate() error {
	if !sinkName.MatchString(s.Name) {
		return fmt.Errorf("name: %q is none: up to 63 lower-case letters, digits, - and _", s.Name)
	}
	if _, err := s.Filter.Compile(); err != nil {
		return fmt.Errorf("filter.%w", err)
	}
	switch s.Kind {
	case FileSink:
		return s.validateFile()
	case WebhookSink:
		return s.validateWebhook()
	default:
		return fmt.Errorf("kind: %s or %s is wanted, not %q", FileSink, WebhookSink, s.Kind)
	}
}

func (s *Sink) validateFile() error {
	switch {
	case s.Path == "":
		return errors.New("path: missing, the name of a file or - is needed")
	case s.MaxMiB < 0 || s.MaxMiB > 1<<20:
		return fmt.Errorf("max_mib: %d is not from 1 to %d", s.MaxMiB, 1<<20)
	case s.Keep < 0 || s.Keep > 10_000:
		return fmt.Errorf("keep: %d is not from 1 to 10000", s.Keep)
	case s.URL != "" || s.Secret != "" || s.SecretFile != "":
		return errors.New("url: a sink of kind file has none, nor a secret")
	}
	return nil
}

func (s *Sink) validateWebhook() error {
	u, err := url.Parse(s.URL)
	switch {
	case s.URL == "":
		return errors.New("url: missing")
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return errors.New("url: not an address like https://receiver.example/hook")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return errors.New("url: plain http only to this machine")
	case (s.Secret == "") == (s.SecretFile == ""):
		return errors.New("secret: either this or secret_file is needed")
	case s.Path != "":
		return errors.New("path: a webhook has none")
	}
	return s.validateDelivery()
}

func (s *Sink) validateDelivery() error {
	switch {
	case s.Timeout < 0 || s.FirstRetry < 0 || s.LastRetry < 0:
		return errors.New("timeout: timeout, first_retry and last_retry cannot be negative")
	case s.MaxAttempts < 0 || s.Concurrency < 0 || s.Concurrency > 256:
		return errors.New("concurrency: from 1 to 256, and max_attempts from 1")
	}
	return nil
}
