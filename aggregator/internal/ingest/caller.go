// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
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
	known  bool // a live credential came with the call
	gone   bool // a revoked one did
	ip     string
	read   time.Time // when it was looked up
}

// agentSources are what a machine credential may report as: the name by the module.
var agentSources = map[string]string{"rollcall.agent": "rollcall", "rollcall.osquery": "osquery"}

// agentModules are the modules of agentSources.
var agentModules = slices.Sorted(maps.Keys(agentSources))

// maxAuthentication bounds the look-up of a credential.
const maxAuthentication = 20 * time.Second

var errUnknownCredential = errors.New("unknown or revoked machine credential: enrol again")

// authenticate finds the machine of a call. Only Enroll may come without a credential, or with one that is dead.
func (s *Service) authenticate(ctx context.Context, c *call) (caller, error) {
	found, err := s.callerWith(ctx, c.authorization)
	var refused *connect.Error
	if errors.As(err, &refused) && refused.Code() == connect.CodeUnauthenticated {
		switch c.method {
		case enrollMethod:
			found, err = caller{}, nil
		case goodbyeMethod:
			found, err = s.gone(ctx, c.authorization, err)
		}
	}
	found.ip = ipOf(c.peer)
	return found, err
}

// callerWith returns the caller that an authorization header stands for.
func (s *Service) callerWith(ctx context.Context, authorization string) (caller, error) {
	credential, err := auth.FromHeader(authorization, auth.BearerScheme)
	if err != nil {
		return caller{}, connect.NewError(connect.CodeUnauthenticated, err)
	}
	digest := auth.DigestOf(credential)
	if c, ok := s.callers.get(digest); ok && (s.ended.fresh() || time.Since(c.read) < callerLifetime) {
		return c, nil
	}
	if err := auth.CheckMachineCredential(credential); err != nil { // spares the database nonsense
		return caller{}, connect.NewError(connect.CodeUnauthenticated, err)
	}
	ctx, cancel := context.WithTimeout(ctx, maxAuthentication)
	defer cancel()
	turn, err := s.gates.queries.enter(ctx)
	if err != nil {
		return caller{}, err
	}
	defer turn.leave()
	return s.findCaller(ctx, digest)
}

// gone recognises the credential of a machine that has said goodbye already, so that saying it twice does not fail.
func (s *Service) gone(ctx context.Context, authorization string, refusal error) (caller, error) {
	credential, err := auth.FromHeader(authorization, auth.BearerScheme)
	if err != nil {
		return caller{}, refusal
	}
	digest := auth.DigestOf(credential)
	ctx, cancel := context.WithTimeout(ctx, maxAuthentication)
	defer cancel()
	turn, err := s.gates.queries.enter(ctx)
	if err != nil {
		return caller{}, err
	}
	defer turn.leave()
	revoked, err := s.store.CredentialRevoked(ctx, digest)
	switch {
	case err != nil:
		return caller{}, unavailable(err)
	case !revoked:
		return caller{}, refusal
	}
	return caller{digest: digest, gone: true}, nil
}

// findCaller looks a credential up, and ends older ones of the machine when this is its first use.
func (s *Service) findCaller(ctx context.Context, digest auth.Digest) (caller, error) {
	read := time.Now()
	credential, err := s.store.CredentialByDigest(ctx, digest)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return caller{}, connect.NewError(connect.CodeUnauthenticated, errUnknownCredential)
	case err != nil:
		return caller{}, unavailable(err)
	}
	if credential.UsedAt == nil {
		ended, err := s.store.UseCredential(ctx, credential.ID)
		if err != nil {
			return caller{}, unavailable(err)
		}
		for _, older := range ended {
			s.callers.drop(older)
		}
		now := time.Now()
		credential.UsedAt = &now
	}
	c := caller{Credential: credential, digest: digest, known: true, read: read}
	s.callers.put(digest, c)
	return c, nil
}

// freeze stops the caller's credential and forgets what is cached of it. instance is the agent process that calls.
func (s *Service) freeze(ctx context.Context, c caller, why store.Conflict, instance []byte) error {
	why.Reported = reportedOf(c, instance)
	first, err := s.store.Freeze(ctx, c.ID, why)
	if err != nil {
		return unavailable(err)
	}
	s.callers.drop(c.digest)
	if first {
		s.log.Warn("credential frozen", "serial_number", c.Serial, "why", why.Why, "address", c.ip)
		s.metrics.conflicts.Inc()
	}
	return refuseFrozen(why.Why)
}

// reportedMachine is what is known of a machine that turned up with another one's credential.
type reportedMachine struct {
	SerialNumber    string `json:"serial_number"` // that the credential stands for
	PublicIPAddress string `json:"public_ip_address,omitempty"`
	AgentInstance   string `json:"agent_instance,omitempty"` // hexadecimal
}

func reportedOf(c caller, instance []byte) reportedMachine {
	return reportedMachine{SerialNumber: c.Serial, PublicIPAddress: c.ip, AgentInstance: hex.EncodeToString(instance)}
}

// ipOf returns the address of a `host:port` peer, an IPv4 address inside IPv6 unpacked; empty when it has none.
func ipOf(peer string) string {
	if ip := addressOf(peer); ip.IsValid() {
		return ip.String()
	}
	return ""
}
