// SPDX-License-Identifier: Apache-2.0

package metadata

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// ErrNoToken says why version 2 of the service gave no token, which nearly always is one of two settings.
var ErrNoToken = errors.New("no session token from the metadata service: this process may be one hop away from it, as in a container " +
	"(raise the hop limit in the instance's metadata options), or the service is switched off")

// tokenSeconds is how long a token is good for; a conversation takes a second.
const tokenSeconds = "60"

// EC2 is one conversation with the metadata service of an EC2 instance, in version 2 only: without a token nothing is
// asked. It is not safe for concurrent use.
//
// Source: Amazon EC2 user guide, "Use the Instance Metadata Service to access instance metadata".
type EC2 struct {
	rt    http.RoundTripper
	base  string // the address that answered
	token string
}

// ec2Addresses are those of the service; the second is for instances that speak IPv6 only.
var ec2Addresses = []string{"http://169.254.169.254", "http://[fd00:ec2::254]"}

// NewEC2 returns a conversation that has not begun; rt is host.Host's door to metadata services. It does no I/O.
func NewEC2(rt http.RoundTripper) *EC2 { return &EC2{rt: rt} }

// Get returns what the service has at a path such as meta-data/instance-id, ErrNotFound when it has nothing there, and
// ErrNoToken when it does not let this process in. A token that is refused is renewed once.
func (s *EC2) Get(ctx context.Context, path string) (string, error) {
	for renewed := false; ; renewed = true {
		if s.token == "" {
			if err := s.open(ctx); err != nil {
				return "", err
			}
		}
		a, err := ask(ctx, s.rt, http.MethodGet, s.base+"/latest/"+path, http.Header{"X-Aws-Ec2-Metadata-Token": {s.token}})
		if err != nil {
			return "", err
		}
		if a.status == http.StatusUnauthorized && !renewed {
			s.token = ""
			continue
		}
		if a.status != http.StatusOK {
			return "", refused(path, a.status)
		}
		return string(a.body), nil
	}
}

// List returns the lines that the service has at a path.
func (s *EC2) List(ctx context.Context, path string) ([]string, error) {
	text, err := s.Get(ctx, path)
	return strings.Fields(text), err
}

// open draws a token from the first address that can be reached.
func (s *EC2) open(ctx context.Context) error {
	bases := ec2Addresses
	if s.base != "" {
		bases = []string{s.base}
	}
	var failed error
	for _, base := range bases {
		token, err := s.draw(ctx, base)
		if err == nil {
			s.base, s.token = base, token
			return nil
		}
		if failed == nil {
			failed = err
		}
		var dial *net.OpError
		if !errors.As(err, &dial) || ctx.Err() != nil {
			break // reached, and refused
		}
	}
	return fmt.Errorf("%w: %w", ErrNoToken, failed)
}

// draw asks one address for a token.
func (s *EC2) draw(ctx context.Context, base string) (string, error) {
	a, err := ask(ctx, s.rt, http.MethodPut, base+"/latest/api/token", http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {tokenSeconds}})
	if err != nil {
		return "", err
	}
	if a.status != http.StatusOK {
		return "", refused("api/token", a.status)
	}
	token := strings.TrimSpace(string(a.body))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("api/token: the answer is no token")
	}
	return token, nil
}

// InstanceID asks for the id of the instance, for machines whose firmware says that they are in EC2 but not which one.
func InstanceID(ctx context.Context, rt http.RoundTripper) (string, error) {
	id, err := NewEC2(rt).Get(ctx, "meta-data/instance-id")
	if err != nil {
		return "", err
	}
	if rest, ok := strings.CutPrefix(id, "i-"); !ok || rest == "" || url.PathEscape(rest) != rest || len(id) > 64 {
		return "", errors.New("meta-data/instance-id: the answer is no instance id")
	}
	return id, nil
}
