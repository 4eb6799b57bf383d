// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"
)

// identify chooses the serial number under which the enrolling machine is known from now on.
func (s *Service) identify(ctx context.Context, c caller, req *syncv1.EnrollRequest) (string, error) {
	evidence, instance := req.GetEvidence(), req.GetStamp().GetInstance()
	if req.GetSecret() == "" {
		return s.reidentify(ctx, c, evidence, instance)
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

// reidentify chooses the identity of a machine that enrols again with a credential instead of a secret. It never gets
// that of a third machine: one that is not the machine of its credential, and the newcomer of a conflict, get an
// identity that nobody else has.
func (s *Service) reidentify(ctx context.Context, c caller, evidence *syncv1.Evidence, instance []byte) (string, error) {
	if normal.EvidenceDigest(evidence) == c.Evidence || normal.Same(evidenceOf(c.Identity), evidence) {
		leaves, err := s.leaves(ctx, c, instance)
		if err != nil || !leaves {
			return c.Serial, err
		}
		return marked(c.Serial, instance), nil
	}
	own, _ := normal.Identity(evidence)
	uuid, _ := normal.CleanUUID(evidence.GetProductUuid())
	for _, serial := range []string{own, uuid} {
		if serial == "" || serial == c.Serial {
			continue
		}
		holder, err := s.holder(ctx, serial)
		if err != nil {
			return "", err
		}
		if holder == nil || normal.Same(holder, evidence) {
			return serial, nil
		}
	}
	return marked(c.Serial, instance), nil
}

// leaves tells whether a process that enrols again with a frozen credential has to leave its identity: it is the
// conflict's newcomer, or somebody else came first. That may be the other half of the conflict while the newcomer, started
// anew, is not known for what it is; two of them under one serial number would end each other's credentials for ever.
func (s *Service) leaves(ctx context.Context, c caller, instance []byte) (bool, error) {
	if !c.Frozen {
		return false, nil
	}
	if len(c.Newcomer) > 0 && bytes.Equal(c.Newcomer, instance) {
		return true, nil
	}
	latest, err := s.store.LatestCredentials(ctx, c.Machine)
	if err != nil {
		return false, unavailable(err)
	}
	return slices.ContainsFunc(latest, func(other store.Credential) bool {
		rotated, again := len(other.Instance) == 0, bytes.Equal(other.Instance, instance)
		return other.ID > c.ID && !rotated && !again
	}), nil
}

// holder returns the evidence that the machine with a serial number was last enrolled with, nil when it never was.
func (s *Service) holder(ctx context.Context, serial string) (*syncv1.Evidence, error) {
	identity, err := s.store.LastIdentity(ctx, serial)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, unavailable(err)
	}
	return evidenceOf(identity), nil
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
