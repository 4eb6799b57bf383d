// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

var (
	// ErrUnreachable says that nobody served the call: no connection, no trusted one, no answer in time, or no time for
	// us. Trying again later may help.
	ErrUnreachable = errors.New("aggregator is unreachable")
	// ErrNotAuthorised says that the aggregator does not accept the secret or credential.
	ErrNotAuthorised = errors.New("not authorised")
)

// explain gives a call's error a sentinel and, where the cause is known, words that say what to do. The connect error
// stays in the chain.
func explain(err error, address string) error {
	if err == nil {
		return nil
	}
	if text := certificateTrouble(err); text != "" {
		return fmt.Errorf("%w: %s: %s: %w", ErrUnreachable, address, text, err)
	}
	var failed *connectError
	switch code := connect.CodeOf(err); {
	case errors.As(err, &failed):
		return fmt.Errorf("%w: %w", ErrUnreachable, failed)
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%w: %s: the server speaks plain HTTP there, not TLS: %w", ErrUnreachable, address, err)
	case strings.HasPrefix(address, "http://") && code == connect.CodeInternal && strings.Contains(err.Error(), "400 Bad Request"):
		return fmt.Errorf("%w: %s: the server does not take plain HTTP there; does it want https://? %w", ErrUnreachable, address, err)
	case RetryAfter(err) > 0:
		return fmt.Errorf("%w: %s is busy: %w", ErrUnreachable, address, err)
	case RefusalOf(err) != nil, errors.Is(err, context.Canceled):
		return err
	case refusedAccess(code) && !connect.IsWireError(err):
		return fmt.Errorf("%w: %s: something in between answers, such as a proxy that wants a login: %w", ErrUnreachable, address, err)
	case refusedAccess(code):
		return fmt.Errorf("%w: %w", ErrNotAuthorised, err)
	case code == connect.CodeUnavailable, code == connect.CodeDeadlineExceeded:
		return fmt.Errorf("%w: %s: %w", ErrUnreachable, address, err)
	default:
		return err
	}
}

// refusedAccess tells whether a code says that somebody is not let in.
func refusedAccess(code connect.Code) bool {
	return code == connect.CodeUnauthenticated || code == connect.CodePermissionDenied
}

// certificateTrouble tells what is wrong with the server's certificate, empty when that is not the error.
func certificateTrouble(err error) string {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	switch {
	case errors.As(err, &authority):
		issuer := "unknown"
		if authority.Cert != nil {
			issuer = authority.Cert.Issuer.String()
		}
		return fmt.Sprintf("wrong certificate authority: the certificate comes from %q, which this agent does not trust "+
			"(--ca-file names the authorities to trust)", issuer)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		if now := time.Now(); now.Before(invalid.Cert.NotBefore) {
			return "certificate not valid yet: it begins at " + invalid.Cert.NotBefore.UTC().Format(time.RFC3339)
		}
		return "expired certificate: it ended at " + invalid.Cert.NotAfter.UTC().Format(time.RFC3339)
	case errors.As(err, &invalid):
		return "invalid certificate"
	case errors.As(err, &name):
		return fmt.Sprintf("certificate for another name: it is for %s, not for %s", namesOf(name.Certificate), name.Host)
	default:
		return ""
	}
}

// namesOf lists what a certificate was issued for.
func namesOf(c *x509.Certificate) string {
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no host at all"
	}
	return strings.Join(names, ", ")
}

// RefusalOf returns the aggregator's reason for refusing a call where the agent can act on it, else nil.
func RefusalOf(err error) *syncv1.Refusal {
	var refused *connect.Error
	if !errors.As(err, &refused) {
		return nil
	}
	for _, detail := range refused.Details() {
		if message, err := detail.Value(); err == nil {
			if refusal, ok := message.(*syncv1.Refusal); ok {
				return refusal
			}
		}
	}
	return nil
}

// Bounds of what an aggregator can ask an agent to wait: it is neither to be hammered nor to silence the fleet by mistake.
const (
	minRetryAfter = 500 * time.Millisecond
	maxRetryAfter = 15 * time.Minute
)

// RetryAfter returns how long the aggregator asked to wait before the next attempt; 0 when it did not.
func RetryAfter(err error) time.Duration {
	refusal := RefusalOf(err)
	if refusal.GetReason() != syncv1.RefusalReason_REFUSAL_REASON_BUSY {
		return 0
	}
	wait := time.Duration(refusal.GetRetryMilliseconds()) * time.Millisecond
	return min(max(wait, minRetryAfter), maxRetryAfter)
}
