// SPDX-License-Identifier: Apache-2.0

// Package doctor finds out why an aggregator cannot be reached: it takes the way of an agent's call step by step and says
// which step fails, and what to do. It changes nothing, on neither side, and repairs nothing.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/upload"
)

// Options say where the aggregator is, as an agent would be told.
type Options struct {
	Server      string // URL of the main listener
	GRPCAddress string // host:port of the native listener as announced; empty before enrolment
	Transport   string // auto, grpc or connect
	CAFile      string // PEM file of trusted authorities; empty trusts the system's
	PlainHTTP   bool   // plain HTTP off loopback is wanted
	Timeout     time.Duration
	// Authenticate asks the aggregator whether it accepts the credential; nil: there is none.
	Authenticate func(context.Context) error
	// Proxy chooses the proxy of a request; nil: the environment does.
	Proxy func(*http.Request) (*url.URL, error)
}

// Result is what became of a step.
type Result string

// The results.
const (
	OK      Result = "ok"
	Failed  Result = "failed"
	Skipped Result = "skipped" // it says why in its detail
)

// Check is one step.
type Check struct {
	Name         string        `json:"check"`
	Result       Result        `json:"result"`
	Detail       string        `json:"detail"`
	Advice       string        `json:"advice,omitempty"`
	Harmless     bool          `json:"harmless,omitempty"` // failed, and the agent gets along
	Milliseconds int64         `json:"duration_milliseconds"`
	Certificates []Certificate `json:"certificates,omitempty"` // that the server presented, its own first

	err error
}

// Report is all steps, in the order in which they were taken.
type Report struct {
	Server string  `json:"server"`
	Checks []Check `json:"checks"`
}

// Err is nil when nothing failed that harms. It is upload.ErrNotAuthorised when the credential is refused, and
// upload.ErrUnreachable when the way there is broken.
func (r Report) Err() error {
	for _, c := range r.Checks {
		if c.Result == Failed && !c.Harmless {
			return c.err
		}
	}
	return nil
}

// patient goes through the steps.
type patient struct {
	Options
	server *url.URL
	report Report
}

// Examine takes all steps. One that needs another which failed is skipped.
func Examine(ctx context.Context, o Options) (Report, error) {
	server, err := url.Parse(o.Server)
	if err != nil || server.Host == "" {
		return Report{}, fmt.Errorf("%w: --server %q is not a URL", upload.ErrUsage, o.Server)
	}
	if o.Proxy == nil {
		o.Proxy = http.ProxyFromEnvironment
	}
	p := &patient{Options: o, server: server, report: Report{Server: o.Server}}
	roots, err := rootsOf(o.CAFile)
	if err != nil {
		return Report{}, err
	}
	p.main(ctx, roots)
	return p.report, nil
}

// step runs one check under the time limit and books it. It reports whether what builds on it can go on.
func (p *patient) step(ctx context.Context, name string, run func(context.Context, *Check)) bool {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	check := Check{Name: name, Result: OK}
	begin := time.Now()
	run(ctx, &check)
	check.Milliseconds = time.Since(begin).Milliseconds()
	p.report.Checks = append(p.report.Checks, check)
	return check.Result != Failed
}

// skip books steps that make no sense any more.
func (p *patient) skip(why string, names ...string) {
	for _, name := range names {
		p.report.Checks = append(p.report.Checks, Check{Name: name, Result: Skipped, Detail: why})
	}
}

// fail makes a check a failed one. The error keeps its kind; sentinel gives it one.
func (c *Check) fail(sentinel, err error, advice string) {
	c.Result, c.Detail, c.Advice = Failed, err.Error(), advice
	c.err = fmt.Errorf("%s: %w", c.Name, err)
	if sentinel != nil && !errors.Is(err, sentinel) {
		c.err = fmt.Errorf("%w: %w", sentinel, c.err)
	}
}

// skipped makes a check one that was not needed.
func (c *Check) skipped(format string, args ...any) {
	c.Result, c.Detail = Skipped, fmt.Sprintf(format, args...)
}
