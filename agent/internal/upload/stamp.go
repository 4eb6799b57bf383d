// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/identity"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
	"github.com/rollcall-inventory/rollcall/proto/normal"
)

// newInstance draws the id of an agent process.
func newInstance() []byte {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	return id
}

// stamp returns the stamp of the next request; its counter is on disk.
func (s *Syncer) stamp() (*syncv1.Stamp, error) {
	counter, err := s.Spool.Next()
	if err != nil {
		return nil, err
	}
	shown := s.Identity.Confirm(s.Evidence)
	return &syncv1.Stamp{Instance: s.instance, Counter: counter, Evidence: normal.EvidenceDigest(shown)}, nil
}

// Enroll trades an enrolment secret, or with an empty one the credential in use, for an identity, and saves it. The
// client uses it from now on. What was acknowledged under another identity is forgotten.
func (s *Syncer) Enroll(ctx context.Context, secret string) error {
	counter, err := s.Spool.Next()
	if err != nil {
		return err
	}
	request := &syncv1.EnrollRequest{
		Secret:       secret,
		Evidence:     s.Evidence,
		Stamp:        &syncv1.Stamp{Instance: s.instance, Counter: counter, Evidence: normal.EvidenceDigest(s.Evidence)},
		AgentVersion: s.Client.options.Version,
		Hostname:     s.Hostname,
	}
	var answer *syncv1.EnrollResponse
	err = s.Client.do(ctx, "Enroll", unaryLimit, func(ctx context.Context, service syncv1connect.SyncServiceClient) error {
		answer, err = service.Enroll(ctx, request)
		return err
	})
	if err != nil {
		return fmt.Errorf("enrol: %w", err)
	}
	return s.adopt(answer)
}

// adopt makes a freshly issued identity the agent's own.
func (s *Syncer) adopt(answer *syncv1.EnrollResponse) error {
	enrolled := &identity.Enrolled{
		SerialNumber: answer.GetSerialNumber(),
		Credential:   answer.GetCredential(),
		Server:       s.Client.options.Server,
		GRPCAddress:  answer.GetGrpcAddress(),
		CAFile:       s.Client.options.CAFile,
		PlainHTTP:    s.Client.options.PlainHTTP,
		EnrolledAt:   time.Now().UTC().Truncate(time.Second),
		Evidence:     s.Evidence,
	}
	if enrolled.SerialNumber == "" || enrolled.Credential == "" {
		return fmt.Errorf("enrol: the answer holds no serial number or no credential")
	}
	for _, source := range []Source{Own, Osquery} {
		if err := s.sourceOf(source).Forget(); err != nil {
			return err
		}
	}
	if err := enrolled.Save(s.Dir); err != nil {
		return err
	}
	s.Identity, s.Configuration = enrolled, answer.GetConfiguration()
	s.Client.SetCredential(enrolled.Credential)
	return s.Client.SetGRPCAddress(enrolled.GRPCAddress)
}

// rotate takes a credential that the aggregator issued in place of the one in use.
func (s *Syncer) rotate(credential string) error {
	if credential == "" {
		return nil
	}
	return s.use(credential, s.Identity.Credential)
}

// turnBack goes back to the credential before the last renewal, or from that one to the last: an aggregator whose database
// was restored knows only the earlier one. It returns the refusal when there is no other.
func (s *Syncer) turnBack(refused error) error {
	if s.Identity.Previous == "" {
		return refused
	}
	s.Log.Warn("the credential is not known: trying the one before", "err", refused)
	return s.use(s.Identity.Previous, s.Identity.Credential)
}

// use saves which credential is in use and which is the other one.
func (s *Syncer) use(credential, other string) error {
	now := *s.Identity
	now.Credential, now.Previous = credential, other
	if err := now.Save(s.Dir); err != nil {
		return err
	}
	s.Identity = &now
	s.Client.SetCredential(credential)
	return nil
}

// Authenticate asks whether the aggregator accepts the client's credential, with the cheapest call that changes nothing.
func (c *Client) Authenticate(ctx context.Context) error {
	return c.do(ctx, "Missing", unaryLimit, func(ctx context.Context, service syncv1connect.SyncServiceClient) error {
		_, err := service.Missing(ctx, &syncv1.MissingRequest{})
		return err
	})
}

// Goodbye tells the aggregator that this machine will not report any more; the credential ends with it.
func (s *Syncer) Goodbye(ctx context.Context, reason string) error {
	stamp, err := s.stamp()
	if err != nil {
		return err
	}
	return s.Client.do(ctx, "Goodbye", unaryLimit, func(ctx context.Context, service syncv1connect.SyncServiceClient) error {
		_, err := service.Goodbye(ctx, &syncv1.GoodbyeRequest{Stamp: stamp, Reason: reason})
		return err
	})
}
