// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"
)

// Enroll issues a machine credential, for a secret or, to a machine that has one already, for its credential.
func (s *Service) Enroll(ctx context.Context, req *syncv1.EnrollRequest) (*syncv1.EnrollResponse, error) {
	c := callerOf(ctx)
	if err := checkEnrollment(c, req); err != nil {
		return nil, err
	}
	if err := s.checkSecret(ctx, req); err != nil {
		return nil, err
	}
	turn, err := s.gates.enrollments.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer turn.leave()
	serial, err := s.identify(ctx, c, req)
	if err != nil {
		return nil, err
	}
	identity, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(req.GetEvidence())
	if err != nil {
		return nil, invalid("evidence: %w", err)
	}
	issue := store.NewCredential{
		Serial: serial, Modules: agentModules,
		Evidence: normal.EvidenceDigest(req.GetEvidence()), Identity: identity, Instance: req.GetStamp().GetInstance(),
		Request: callOf(ctx).request(),
	}
	issue.UDID, _ = normal.CleanUUID(req.GetEvidence().GetProductUuid())
	if req.GetSecret() != "" {
		issue.Secret = auth.DigestOf(req.GetSecret())
	} else {
		issue.Enrollment, issue.Moved = c.Enrollment, serial != c.Serial
	}
	issued, credential, err := s.issue(ctx, issue, req)
	if err != nil {
		return nil, err
	}
	serial = issued.Serial
	// The enrolment may be new; what it switches off must not leave the machine even once.
	s.logged(ctx, "read collection configurations", s.Reconfigure(ctx))
	s.log.Info("machine enrolled", "serial_number", serial, "hostname", excerpt(req.GetHostname()), "address", c.ip)
	s.metrics.enrollments.Inc()
	return &syncv1.EnrollResponse{
		SerialNumber: serial, Credential: credential,
		GrpcAddress: s.advertised(callOf(ctx)), IntervalSeconds: s.interval(issued.Enrollment),
		Configuration: s.configurationFor(ctx, issued.Enrollment, 0),
	}, nil
}

// advertised returns the native address for a caller. One that came through a proxy would look for it at the proxy,
// unless it has a host of its own.
func (s *Service) advertised(c *call) string {
	if c.proxied && strings.HasPrefix(s.options.GRPCAdvertise, ":") {
		return ""
	}
	return s.options.GRPCAdvertise
}

// checkSecret refuses a secret that opens nothing, before anything else is asked of the database. Whoever guesses waits
// behind other guessers alone; that a secret is good is remembered for a while, and Issue decides for good. Secrets are
// found by their SHA-256, so that the time it takes tells nothing about them.
func (s *Service) checkSecret(ctx context.Context, req *syncv1.EnrollRequest) error {
	digest := auth.DigestOf(req.GetSecret())
	if _, good := s.secrets.get(digest); good || req.GetSecret() == "" {
		return nil
	}
	turn, err := s.gates.secrets.enter(ctx)
	if err != nil {
		return err
	}
	defer turn.leave()
	if err := s.store.CheckSecret(ctx, digest); err != nil {
		s.tellRefusal(ctx, err, store.NewCredential{Secret: digest}, req)
		return refusedEnrollment(err)
	}
	s.secrets.put(digest, struct{}{})
	return nil
}

// checkEnrollment refuses what needs no look at the database.
func checkEnrollment(c caller, req *syncv1.EnrollRequest) error {
	if n := len(req.GetStamp().GetInstance()); n != instanceBytes {
		return invalid("stamp.instance has %d bytes, want %d", n, instanceBytes)
	}
	if !c.known && req.GetSecret() == "" {
		return connect.NewError(connect.CodeUnauthenticated, errors.New("an enrolment secret or a live machine credential is needed"))
	}
	const most = 512 // bytes; a serial number has 256
	e := req.GetEvidence()
	for _, value := range []string{e.GetCloudInstanceId(), e.GetHardwareSerial(), e.GetProductUuid(), e.GetMachineIdHash()} {
		if len(value) > most {
			return invalid("a value of the evidence has %d bytes, the limit is %d", len(value), most)
		}
	}
	return nil
}

// issue stores a new credential. When it turns out that another machine enrolled at the same moment under the same
// serial number, this one gets an identity of its own.
func (s *Service) issue(ctx context.Context, n store.NewCredential, req *syncv1.EnrollRequest) (issued store.Credential, credential string, err error) {
	credential = auth.NewMachineCredential()
	n.Digest = auth.DigestOf(credential)
	if issued, err = s.store.Issue(ctx, n); err != nil {
		s.tellRefusal(ctx, err, n, req)
		return issued, "", refusedEnrollment(err)
	}
	shared, err := s.sharesSerial(ctx, &issued, req.GetEvidence())
	if err != nil || !shared {
		return issued, credential, err
	}
	if err := s.store.RevokeCredential(ctx, issued.ID); err != nil {
		return issued, "", unavailable(err)
	}
	credential = auth.NewMachineCredential()
	n.Digest, n.Secret, n.Enrollment = auth.DigestOf(credential), auth.Digest{}, issued.Enrollment
	n.Serial, n.Moved = distinct(issued.Serial, req.GetEvidence(), n.Instance), true
	if issued, err = s.store.Issue(ctx, n); err != nil {
		s.tellRefusal(ctx, err, n, req)
		return issued, "", refusedEnrollment(err)
	}
	return issued, credential, nil
}

// sharesSerial tells whether a live credential for the same serial number belongs to another machine for certain.
func (s *Service) sharesSerial(ctx context.Context, issued *store.Credential, evidence *syncv1.Evidence) (bool, error) {
	latest, err := s.store.LatestCredentials(ctx, issued.Machine)
	if err != nil {
		return false, unavailable(err)
	}
	return slices.ContainsFunc(latest, func(other store.Credential) bool {
		return other.ID != issued.ID && !other.Frozen && differs(evidenceOf(other.Identity), evidence)
	}), nil
}

// refusedEnrollment tells an agent why its secret is no good; the texts are those that operators find in the log.
func refusedEnrollment(err error) error {
	for _, refusal := range store.EnrollmentRefusals() {
		if errors.Is(err, refusal) {
			return connect.NewError(connect.CodeUnauthenticated, errors.New(refusal.Error()))
		}
	}
	return unavailable(err)
}
