// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// caller is the machine that calls, known by its credential, and where it calls from.
type caller struct {
	store.Credential
	digest auth.Digest
	known  bool // a credential came with the call
	ip     string
}

type callerKey struct{}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// agentModules are the sources that a machine credential may report as.
var agentModules = []string{"rollcall.agent", "rollcall.osquery"}

// authenticate finds the machine of a call. Only Enroll may come without a credential.
func (s *Service) authenticate(ctx context.Context, authorization, peer string, optional bool) (context.Context, error) {
	c := caller{ip: ipOf(peer)}
	if authorization == "" && optional {
		return context.WithValue(ctx, callerKey{}, c), nil
	}
	credential, err := auth.FromHeader(authorization, auth.BearerScheme)
	if err == nil {
		err = auth.CheckMachineCredential(credential)
	}
	if err != nil {
		return nil, connect.NewError(connect.CodeUnauthenticated, err)
	}
	found, err := s.findCaller(ctx, auth.DigestOf(credential))
	if err != nil {
		return nil, err
	}
	found.ip = c.ip
	return context.WithValue(ctx, callerKey{}, found), nil
}

// findCaller looks a credential up, and ends older ones of the machine when this is its first use.
func (s *Service) findCaller(ctx context.Context, digest auth.Digest) (caller, error) {
	if c, ok := s.callers.get(digest); ok {
		return c, nil
	}
	credential, err := s.store.CredentialByDigest(ctx, digest)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return caller{}, connect.NewError(connect.CodeUnauthenticated, errors.New("unknown or revoked machine credential: enrol again"))
	case err != nil:
		return caller{}, unavailable(err)
	}
	if credential.UsedAt == nil {
		if err := s.store.UseCredential(ctx, credential.ID); err != nil {
			return caller{}, unavailable(err)
		}
		now := time.Now()
		credential.UsedAt = &now
	}
	c := caller{Credential: credential, digest: digest, known: true}
	s.callers.put(digest, c)
	return c, nil
}

// freeze stops the caller's credential and forgets what is cached of it.
func (s *Service) freeze(ctx context.Context, c caller, why string, newcomer []byte) error {
	first, err := s.store.Freeze(ctx, c.ID, why, newcomer)
	if err != nil {
		return unavailable(err)
	}
	s.callers.drop(c.digest)
	if first {
		s.log.Warn("credential frozen", "serial_number", c.Serial, "why", why, "address", c.ip)
		s.metrics.conflicts.Inc()
	}
	return refuseFrozen(why)
}

// mayReport tells whether the caller's credential is good for a source module.
func (c *caller) mayReport(module string) bool { return slices.Contains(c.Modules, module) }

// ipOf returns the address of a `host:port` peer, an IPv4 address inside IPv6 unpacked; empty when it has none.
func ipOf(peer string) string {
	host, _, err := net.SplitHostPort(peer)
	if err != nil {
		return ""
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	return ip.Unmap().WithZone("").String()
}
