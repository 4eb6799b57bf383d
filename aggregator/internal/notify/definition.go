// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"cmp"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// What config.Sink says of zeros.
const (
	defaultMaxMiB      = 100
	defaultKeep        = 10
	defaultTimeout     = 15 * time.Second
	defaultMaxAttempts = 20
	defaultFirstRetry  = time.Second
	defaultLastRetry   = 5 * time.Minute
	defaultConcurrency = 8
)

// maxSecretFile bounds what is read of a secret's file, in bytes.
const maxSecretFile = 4096

// definition is all there is to know of a sink before it is delivered to.
type definition struct {
	name   string // in the database
	sink   config.Sink
	filter event.Filter
	keys   []key
	roots  *x509.CertPool  // nil: those of the system
	probes json.RawMessage // what events carry of the probe that let them through; nil: it is none
	stamp  string          // another one: it was changed
}

// key signs until a moment; the zero one: for ever.
type key struct {
	*standardwebhooks.Webhook
	until time.Time
}

// configured is a sink of the configuration.
func configured(s config.Sink) (definition, error) {
	d := definition{name: s.Kind + "." + s.Name, sink: completed(s), filter: s.Filter}
	if s.Kind != config.WebhookSink {
		return d, nil
	}
	secret := s.Secret
	if s.SecretFile != "" {
		raw, err := readFile(s.SecretFile, maxSecretFile)
		if err != nil {
			return d, err
		}
		secret = strings.TrimSpace(string(raw))
	}
	signer, err := signerOf(secret)
	if err != nil {
		return d, err
	}
	d.keys = []key{{Webhook: signer}}
	if s.CAFile != "" {
		d.roots, err = roots(s.CAFile)
	}
	return d, err
}

// probed is the sink of a probe. A secret that does not decode cannot have been stored.
func probed(p *store.Probe, settings config.Sink) definition {
	settings.Kind, settings.URL = config.WebhookSink, p.URL
	d := definition{
		name: p.SinkName(), sink: completed(settings), filter: p.Filter,
		stamp: fmt.Sprint(p.UpdatedAt.UnixNano(), p.PreviousUntil.UnixNano()),
	}
	if signer, err := signerOf(p.Secret); err == nil {
		d.keys = append(d.keys, key{Webhook: signer})
	}
	if signer, err := signerOf(p.PreviousSecret); err == nil {
		d.keys = append(d.keys, key{Webhook: signer, until: p.PreviousUntil})
	}
	if known, err := json.Marshal([]probeReference{{p.ID, p.Name}}); err == nil { // texts and numbers have no error
		d.probes = known
	}
	return d
}

// probeReference is how an event names a probe.
type probeReference struct {
	PK   int64  `json:"pk"`
	Name string `json:"name"`
}

var errSecret = errors.New("the secret is not whsec_ and base64 of 24 to 64 bytes")

// signerOf reads a secret as Standard Webhooks spells it. What is wrong with it is not shown.
func signerOf(secret string) (*standardwebhooks.Webhook, error) {
	if n := len(strings.TrimRight(strings.TrimPrefix(secret, SecretPrefix), "=")); n < 32 || n > 86 {
		return nil, errSecret
	}
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, errSecret
	}
	return signer, nil
}

// completed puts the defaults in.
func completed(s config.Sink) config.Sink {
	s.MaxMiB, s.Keep = cmp.Or(s.MaxMiB, defaultMaxMiB), cmp.Or(s.Keep, defaultKeep)
	s.Timeout, s.MaxAttempts = cmp.Or(s.Timeout, defaultTimeout), cmp.Or(s.MaxAttempts, defaultMaxAttempts)
	s.FirstRetry, s.LastRetry = cmp.Or(s.FirstRetry, defaultFirstRetry), cmp.Or(s.LastRetry, defaultLastRetry)
	s.Concurrency = cmp.Or(s.Concurrency, defaultConcurrency)
	return s
}

// roots are the system's authorities and those of a file.
func roots(path string) (*x509.CertPool, error) {
	raw, err := readFile(path, 1<<20)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // the system has none
	}
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s: no certificate in PEM", path)
	}
	return pool, nil
}

// readFile reads a file of bounded length.
func readFile(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	raw, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(raw)) > most {
		err = fmt.Errorf("%s: larger than %d bytes", path, most)
	}
	return raw, err
}
