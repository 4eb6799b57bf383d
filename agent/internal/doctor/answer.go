// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/upload"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// maxSkew is how far the clocks may be apart before anybody has to mind.
const maxSkew = time.Minute

// ask takes the steps that need a connection. The clock can be compared without trusting anybody, and is what an
// "expired" certificate is often about; a credential is shown to nobody that is not trusted.
func (p *patient) ask(ctx context.Context, roots *x509.CertPool, trusted bool) {
	var date time.Time
	var received time.Time
	p.step(ctx, "http", func(ctx context.Context, c *Check) { date, received = p.get(ctx, c) })
	p.step(ctx, "clock", func(_ context.Context, c *Check) { compare(c, date, received) })
	if !trusted {
		p.skip("the certificate is not trusted", "grpc", "authentication")
		return
	}
	p.step(ctx, "grpc", func(ctx context.Context, c *Check) { p.native(ctx, c, roots) })
	p.step(ctx, "authentication", p.authenticate)
}

// get asks whether it is an aggregator, and what time it is there.
func (p *patient) get(ctx context.Context, c *Check) (date, received time.Time) {
	client := &http.Client{
		Transport: &http.Transport{
			Proxy: p.Proxy, ForceAttemptHTTP2: true, DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}, //nolint:gosec // judged before; nothing is told
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.server.JoinPath("/-/healthy").String(), http.NoBody)
	if err != nil {
		c.fail(upload.ErrUsage, err, "")
		return date, received
	}
	response, err := client.Do(request)
	if err != nil {
		c.fail(upload.ErrUnreachable, err, "")
		return date, received
	}
	_ = response.Body.Close() // its head says all
	received = time.Now()
	date, err = http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		date = time.Time{}
	}
	if response.StatusCode != http.StatusOK {
		c.fail(upload.ErrUnreachable, fmt.Errorf("GET /-/healthy was answered with %s", response.Status),
			"something else than the aggregator answers there, such as a proxy or another program")
		return date, received
	}
	c.Detail = "the aggregator answers over " + response.Proto
	return date, received
}

// compare holds the server's clock against ours. A Date header has whole seconds.
func compare(c *Check, date, received time.Time) {
	if date.IsZero() {
		c.skipped("the server told no time")
		return
	}
	skew := received.Sub(date).Round(time.Second)
	c.Detail = fmt.Sprintf("this machine's clock differs by %s", skew)
	if skew.Abs() > maxSkew {
		c.fail(nil, fmt.Errorf("this machine's clock is %s off that of the server", skew),
			"set the clock, with NTP for example: certificates and times of what is collected depend on it")
	}
}

// native tries the native gRPC listener, which needs HTTP/2 from end to end.
func (p *patient) native(ctx context.Context, c *Check, roots *x509.CertPool) {
	switch {
	case p.Transport == "connect":
		c.skipped("--transport connect")
		return
	case p.GRPCAddress == "" && p.Transport != "grpc":
		c.skipped("the aggregator announced no native address to this machine")
		return
	}
	address, err := upload.NativeURL(p.Server, p.GRPCAddress, p.PlainHTTP)
	if err != nil {
		c.fail(upload.ErrUsage, err, "")
		return
	}
	native, err := url.Parse(address)
	if err != nil {
		c.fail(upload.ErrUsage, err, "")
		return
	}
	if err := p.reach(ctx, native, roots); err != nil {
		c.fail(upload.ErrUnreachable, fmt.Errorf("%s: %w", native.Host, err),
			"open the port, or announce another address with --grpc-advertise; meanwhile the agent uses Connect")
		c.Harmless = p.Transport != "grpc" && errors.Is(err, errNoConnection)
		return
	}
	c.Detail = "reached at " + native.Host
}

// errNoConnection is what an agent gets around by itself.
var errNoConnection = errors.New("no connection")

// reach connects to the native listener as an agent would.
func (p *patient) reach(ctx context.Context, native *url.URL, roots *x509.CertPool) error {
	first, proxy := native, (*url.URL)(nil)
	if found, err := p.proxyOf(native); err == nil && found != nil {
		first, proxy = found, found
	}
	var c Check
	conn := dial(ctx, &c, first)
	if conn == nil {
		return fmt.Errorf("%w: %w", errNoConnection, c.err)
	}
	defer func() { _ = conn.Close() }() // nothing was written that matters
	if conn = through(ctx, &c, conn, proxy, native); c.Result == Failed {
		return fmt.Errorf("%w: %w", errNoConnection, c.err)
	}
	if native.Scheme == "http" {
		return nil
	}
	state, err := greet(ctx, conn, native.Hostname(), "h2")
	if err != nil {
		return err
	}
	if state.NegotiatedProtocol != "h2" {
		return errors.New("it does not speak HTTP/2")
	}
	return verify(state.PeerCertificates, native.Hostname(), roots)
}

// authenticate shows the credential.
func (p *patient) authenticate(ctx context.Context, c *Check) {
	if p.Authenticate == nil {
		c.skipped("this machine is not enrolled")
		return
	}
	err := p.Authenticate(ctx)
	switch {
	case err == nil:
		c.Detail = "the credential is accepted"
	case upload.RefusalOf(err).GetReason() == syncv1.RefusalReason_REFUSAL_REASON_FROZEN:
		c.fail(upload.ErrNotAuthorised, err, "two machines used one credential; the agent enrols again by itself with its next report")
	case errors.Is(err, upload.ErrNotAuthorised):
		c.fail(nil, err, "the credential was revoked, or is of another aggregator: enrol again with `rollcall-agent enroll --again`")
	default:
		c.fail(upload.ErrUnreachable, err, "")
	}
}
