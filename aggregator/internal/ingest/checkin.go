// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// CheckIn answers whether the offered root is the head's. A yes is on disk, with last_seen, before it is given.
func (s *Service) CheckIn(ctx context.Context, req *syncv1.CheckInRequest) (*syncv1.CheckInResponse, error) {
	r, err := s.begin(ctx, req.GetStamp(), req.GetSource())
	if err != nil {
		return nil, err
	}
	push, err := r.push(req.GetRoot())
	if err != nil {
		return nil, err
	}
	if err := checkOffer(req); err != nil {
		return nil, err
	}
	result, err := s.checkIn(ctx, &r, push)
	if err != nil {
		return nil, s.refused(ctx, &r, err)
	}
	s.metrics.checkIn(result.Current)
	if result.Head != 0 {
		s.besides(ctx, result.Head, req.GetVitals(), req.GetHealth())
	}
	response := &syncv1.CheckInResponse{
		Outcome:         syncv1.CheckInOutcome_CHECK_IN_OUTCOME_CURRENT,
		IntervalSeconds: s.interval(r.caller.Enrollment),
		Configuration:   s.configurationFor(ctx, r.caller.Enrollment, req.GetConfigurationVersion()),
		Credential:      s.rotated(ctx, r.caller),
	}
	if !result.Current {
		response.Outcome = syncv1.CheckInOutcome_CHECK_IN_OUTCOME_PUSH
		response.Bases = differing(req.GetSections(), result.Bases)
	}
	return response, nil
}

// checkOffer refuses section digests that do not give the offered root: with such an agent nobody would ever agree.
func checkOffer(req *syncv1.CheckInRequest) error {
	if len(req.GetSections()) == 0 {
		return nil
	}
	if len(req.GetSections()) > maxKinds {
		return tooManySections(len(req.GetSections()))
	}
	offered := make(map[string]asset.Digest, len(req.GetSections()))
	for _, section := range req.GetSections() {
		kind := section.GetKind()
		if err := checkKind(kind); err != nil {
			return err
		}
		if _, twice := offered[kind]; twice {
			return invalid("section %s: named twice", kind)
		}
		digest, err := asset.ParseDigest(section.GetDigest())
		if err != nil {
			return invalid("section %s: %w", kind, err)
		}
		offered[kind] = digest
	}
	if root := snapshot.Root(offered); string(root[:]) != string(req.GetRoot()) {
		return invalid("the sections have the root %s, the check-in says %x", root, req.GetRoot())
	}
	return nil
}

// checkIn writes a check-in, without reading the head when it is known.
func (s *Service) checkIn(ctx context.Context, r *report, push *commit.Push) (commit.CheckedIn, error) {
	known, ok := s.heads.get(r.headKey())
	var err error
	if !ok {
		if known, err = s.findHead(ctx, r, push); err != nil {
			return commit.CheckedIn{}, err
		}
	}
	if known.id != 0 && known == r.known(known.id) {
		touched, err := s.store.TouchHead(ctx, store.CheckIn{
			Head: known.id, Root: push.Root, Instance: r.stamp.Instance, Counter: r.stamp.Counter,
		})
		if touched && !ok {
			s.heads.put(r.headKey(), known)
		}
		if err != nil || touched {
			return commit.CheckedIn{Head: known.id, Current: touched}, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, maxCall)
	defer cancel()
	turn, err := s.gates.queries.enter(ctx)
	if err != nil {
		return commit.CheckedIn{}, err
	}
	defer turn.leave()
	result, err := s.committer.CheckIn(ctx, push)
	if err == nil && result.Current {
		s.heads.put(r.headKey(), r.known(result.Head))
	}
	return result, err
}

// findHead looks a head up that need not be read to be checked in; the zero one is for those that have to.
func (s *Service) findHead(ctx context.Context, r *report, push *commit.Push) (knownHead, error) {
	ctx, cancel := context.WithTimeout(ctx, maxCall)
	defer cancel()
	turn, err := s.gates.queries.enter(ctx)
	if err != nil {
		return knownHead{}, err
	}
	defer turn.leave()
	id, err := s.committer.Settled(ctx, push)
	return r.known(id), err
}

// refused maps an error of commit; a conflict freezes the credential first.
func (s *Service) refused(ctx context.Context, r *report, err error) error {
	var conflict *commit.ConflictError
	if errors.As(err, &conflict) {
		return s.freeze(ctx, r.caller, store.Conflict{
			Why: "two agents use it at the same time", Newcomer: conflict.Newcomer, Module: r.source.Module,
		}, r.stamp.Instance)
	}
	return s.refusalOf(ctx, r.caller, err)
}

// differing returns the head's digests of the kinds that are not as offered. When nothing was offered it returns all
// of them.
func differing(offered []*syncv1.SectionDigest, head map[string]asset.Digest) []*syncv1.SectionDigest {
	if len(offered) == 0 {
		return digestsOf(head)
	}
	rest := make(map[string]asset.Digest, len(head))
	for kind, digest := range head {
		rest[kind] = digest
	}
	var out []*syncv1.SectionDigest
	for _, o := range offered {
		digest, held := rest[o.GetKind()]
		delete(rest, o.GetKind())
		switch {
		case !held:
			out = append(out, &syncv1.SectionDigest{Kind: o.GetKind()})
		case string(digest[:]) != string(o.GetDigest()):
			out = append(out, &syncv1.SectionDigest{Kind: o.GetKind(), Digest: digest[:]})
		}
	}
	return append(out, digestsOf(rest)...)
}

const (
	// rotateAfter is how long a credential is used before it is replaced.
	rotateAfter = 30 * 24 * time.Hour
	// reissueAfter is when a replacement that was never used counts as lost.
	reissueAfter = 24 * time.Hour
)

// rotated returns a fresh credential when the caller's is old; empty otherwise. The old one lives until the new one
// is used.
func (s *Service) rotated(ctx context.Context, c caller) string {
	if time.Since(c.CreatedAt) < rotateAfter {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, maxCall)
	defer cancel()
	turn, err := s.gates.queries.enter(ctx)
	if err != nil {
		return "" // the next check-in brings it
	}
	defer turn.leave()
	latest, err := s.store.LatestCredentials(ctx, c.Machine)
	if err != nil {
		s.logged(ctx, "rotate credential", err)
		return ""
	}
	if len(latest) > 0 && latest[0].ID != c.ID && time.Since(latest[0].CreatedAt) < reissueAfter {
		return ""
	}
	credential := auth.NewMachineCredential()
	_, err = s.store.Issue(ctx, store.NewCredential{
		Digest: auth.DigestOf(credential), Serial: c.Serial, Modules: c.Modules, Evidence: c.Evidence,
		Identity: c.Identity, Enrollment: c.Enrollment, // no instance: nobody enrolled
	})
	if err != nil {
		s.logged(ctx, "rotate credential", err)
		return ""
	}
	return credential
}
