// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"

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
	if len(req.GetStamp().GetInstance()) != instanceBytes {
		return nil, invalid("stamp.instance has %d bytes, want %d", len(req.GetStamp().GetInstance()), instanceBytes)
	}
	if !c.known && req.GetSecret() == "" {
		return nil, connect.NewError(connect.CodeUnauthenticated, errors.New("an enrolment secret is needed"))
	}
	serial, err := s.identify(ctx, c, req)
	if err != nil {
		return nil, err
	}
	identity, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(req.GetEvidence())
	if err != nil {
		return nil, invalid("evidence: %w", err)
	}
	credential := auth.NewMachineCredential()
	issue := store.NewCredential{
		Digest: auth.DigestOf(credential), Serial: serial, Modules: agentModules,
		Evidence: normal.EvidenceDigest(req.GetEvidence()), Identity: identity, Instance: req.GetStamp().GetInstance(),
	}
	if c.known {
		issue.Enrollment = c.Enrollment
	} else {
		issue.Secret = auth.DigestOf(req.GetSecret())
	}
	if _, err := s.store.Issue(ctx, issue); err != nil {
		return nil, refusedEnrollment(err)
	}
	s.log.Info("machine enrolled", "serial_number", serial, "hostname", req.GetHostname(), "address", c.ip)
	s.metrics.enrollments.Inc()
	return &syncv1.EnrollResponse{
		SerialNumber: serial, Credential: credential,
		GrpcAddress: s.options.GRPCAdvertise, IntervalSeconds: s.interval(),
	}, nil
}

// refusedEnrollment tells an agent why its secret is no good; the texts are those that operators find in the log.
func refusedEnrollment(err error) error {
	for _, refusal := range []error{store.ErrUnknownSecret, store.ErrEnrollmentRevoked, store.ErrEnrollmentExpired, store.ErrQuotaUsedUp} {
		if errors.Is(err, refusal) {
			return connect.NewError(connect.CodeUnauthenticated, errors.New(refusal.Error()))
		}
	}
	return unavailable(err)
}

// identify chooses the serial number under which the enrolling machine is known from now on.
func (s *Service) identify(ctx context.Context, c caller, req *syncv1.EnrollRequest) (string, error) {
	evidence, instance := req.GetEvidence(), req.GetStamp().GetInstance()
	if c.known {
		return reidentify(c, evidence, instance), nil
	}
	serial, ok := normal.Identity(evidence)
	if !ok {
		return "", invalid("evidence names no identity: a serial number, product UUID or machine id is needed")
	}
	holder, err := s.holder(ctx, serial)
	if err != nil || holder == nil || !differs(holder, evidence) {
		return serial, err
	}
	return distinct(serial, evidence, instance), nil
}

// holder returns the evidence that a machine was last enrolled with, nil when it never was.
func (s *Service) holder(ctx context.Context, serial string) (*syncv1.Evidence, error) {
	machine, err := s.store.EnsureMachine(ctx, serial)
	if err != nil {
		return nil, unavailable(err)
	}
	latest, err := s.store.LatestCredentials(ctx, machine)
	if err != nil {
		return nil, unavailable(err)
	}
	if len(latest) == 0 {
		return nil, nil
	}
	return evidenceOf(latest[0].Identity), nil
}

// evidenceOf reads stored evidence.
func evidenceOf(identity []byte) *syncv1.Evidence {
	evidence := &syncv1.Evidence{}
	_ = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(identity, evidence) // written by Enroll
	return evidence
}

// differs tells whether the product UUIDs prove that two machines carry one serial number. A changed machine id does
// not: that is the same machine with a new operating system.
func differs(a, b *syncv1.Evidence) bool {
	ua, knownA := normal.CleanUUID(a.GetProductUuid())
	ub, knownB := normal.CleanUUID(b.GetProductUuid())
	return knownA && knownB && ua != ub
}

// reidentify chooses the identity of a machine that enrols again with a credential. The newcomer of a conflict, and a
// machine that is not the one the credential was issued to, get one of their own.
func reidentify(c caller, evidence *syncv1.Evidence, instance []byte) string {
	if c.Frozen && len(c.Newcomer) > 0 && bytes.Equal(c.Newcomer, instance) {
		return marked(c.Serial, instance)
	}
	if normal.EvidenceDigest(evidence) == c.Evidence || normal.Same(evidenceOf(c.Identity), evidence) {
		return c.Serial
	}
	if serial, ok := normal.Identity(evidence); ok && serial != c.Serial {
		return serial
	}
	return distinct(c.Serial, evidence, instance)
}

// distinct returns an identity for a machine whose serial number belongs to another: its product UUID, else the serial
// number with a mark. The machine id is no help, since an image carries it to every clone.
func distinct(serial string, evidence *syncv1.Evidence, instance []byte) string {
	if uuid, ok := normal.CleanUUID(evidence.GetProductUuid()); ok && uuid != serial {
		return uuid
	}
	return marked(serial, instance)
}

// marked returns the serial number with a mark of the agent process, which no other machine has.
func marked(serial string, instance []byte) string {
	const markBytes = 4
	return serial + "~" + hex.EncodeToString(instance[:markBytes])
}
