// SPDX-License-Identifier: Apache-2.0

//go:build unix

package endtoend_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
	"github.com/rollcall-inventory/rollcall/proto/normal"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// section is what an agent remembers of a section that the aggregator holds.
type section struct {
	digest asset.Digest
	ids    []asset.ID
	known  bool // false: only the digest is known
}

// disk is an agent's state folder: what survives a crash, and what a clone copies.
type disk struct {
	serial     string
	credential string
	enrolled   *syncv1.Evidence // what the credential was issued for
	reserved   uint64           // counters up to here may have been used
	held       map[string]section
	pending    *collection
}

func (d disk) copied() disk {
	d.held = maps.Clone(d.held)
	return d
}

// reserve is how many counters an agent takes at once. It is small, so that folders that are copied or set back fall on
// both sides of a block's end.
const reserve = 6

// agent is a small agent that follows the protocol's rules, one call at a time.
type agent struct {
	machine *machine
	secret  string
	wire    *wire
	service syncv1connect.SyncServiceClient
	disk    disk

	newID    func() []byte
	instance []byte
	last     uint64
	round    *round

	serials []string // identities that it had, in order
	saved   []savepoint
	twin    bool // another machine shows, or showed, the same evidence
	copied  bool // there is, or it is, a clone
	setBack bool

	refusals []error // that it followed since somebody asked
}

// savepoint is a machine as a snapshot of its hypervisor keeps it.
type savepoint struct {
	machine *machine
	disk    disk
}

// round is the work of bringing the aggregator to one collection.
type round struct {
	want    *collection
	head    map[string]section // believed
	sure    bool
	resync  bool
	resumes []byte // the instance that was told to resynchronise
	anew    bool   // name assets by their ids: offers were lost
	asked   bool
	missing map[string][]uint32
	doubted bool
}

func newAgent(m *machine, secret string, n *network, newID func() []byte) *agent {
	a := &agent{machine: m, secret: secret, newID: newID, instance: newID()}
	a.wire = &wire{network: n, disk: &a.disk, fate: delivered}
	a.service = syncv1connect.NewSyncServiceClient(&http.Client{Transport: a.wire}, "http://aggregator.test")
	return a
}

// crash loses what is not on disk and starts another process.
func (a *agent) crash() {
	a.instance, a.last, a.round = a.newID(), a.disk.reserved, nil
}

// stamp returns the stamp of the next request; its counter is reserved on disk.
func (a *agent) stamp() *syncv1.Stamp {
	if a.last >= a.disk.reserved {
		a.disk.reserved = a.last + reserve
	}
	a.last++
	return &syncv1.Stamp{Instance: a.instance, Counter: a.last, Evidence: normal.EvidenceDigest(a.machine.evidence)}
}

// step makes one call, or begins a round. True says that the aggregator holds what was collected.
func (a *agent) step(ctx context.Context) (bool, error) {
	if a.disk.credential == "" {
		return false, a.enroll(ctx, a.secret)
	}
	if a.round == nil {
		collected, err := a.machine.collect()
		if err != nil {
			return false, err
		}
		want := collected.after(a.disk.pending)
		a.disk.pending = want
		a.round = &round{want: want, head: maps.Clone(a.disk.held), sure: len(a.disk.held) > 0}
		if a.round.head == nil {
			a.round.head = map[string]section{}
		}
	}
	done, err := a.call(ctx)
	if err != nil {
		err = a.react(ctx, err)
	}
	if err != nil {
		a.round = nil
		return false, err
	}
	if done {
		a.disk.held, a.disk.pending, a.round = a.round.head, nil, nil
	}
	return done, nil
}

// target returns the digests that the head shall have; kept kinds are as the head has them.
func (r *round) target() map[string]asset.Digest {
	target := digestsOf(r.want.set)
	for kind := range r.want.keep {
		if held, ok := r.head[kind]; ok {
			target[kind] = held.digest
		}
	}
	return target
}

// call makes the next call of the round.
func (a *agent) call(ctx context.Context) (bool, error) {
	r := a.round
	target := r.target()
	kinds := r.differing(target)
	switch {
	case !r.sure, len(kinds) == 0 && !r.resync:
		return a.checkIn(ctx, target)
	case r.resync || !r.knows(kinds):
		if r.resync {
			kinds = r.everything(target)
		}
		if !r.asked {
			return false, a.missing(ctx, kinds)
		}
		return a.pushSections(ctx, target, kinds)
	default:
		return a.pushDelta(ctx, target, kinds)
	}
}

// differing lists the kinds in which the believed head is not the target.
func (r *round) differing(target map[string]asset.Digest) []string {
	var kinds []string
	for kind, digest := range target {
		if held, ok := r.head[kind]; !ok || held.digest != digest {
			kinds = append(kinds, kind)
		}
	}
	for kind := range r.head {
		if _, ok := target[kind]; !ok {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// everything lists the kinds of a push after a set-back: all that were collected, and those of the head that shall go.
func (r *round) everything(target map[string]asset.Digest) []string {
	kinds := slices.Collect(maps.Keys(r.want.set))
	for kind := range r.head {
		if _, ok := target[kind]; !ok {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// knows tells whether deltas of these kinds can be made.
func (r *round) knows(kinds []string) bool {
	for _, kind := range kinds {
		if held, ok := r.head[kind]; ok && !held.known && r.want.set[kind] != nil {
			return false
		}
	}
	return len(r.head) > 0
}

func (a *agent) checkIn(ctx context.Context, target map[string]asset.Digest) (bool, error) {
	r := a.round
	root := snapshot.Root(target)
	request := &syncv1.CheckInRequest{Stamp: a.stamp(), Root: root[:]}
	if !r.sure {
		for _, kind := range slices.Sorted(maps.Keys(target)) {
			digest := target[kind]
			request.Sections = append(request.Sections, &syncv1.SectionDigest{Kind: kind, Digest: digest[:]})
		}
	}
	answer, err := a.service.CheckIn(ctx, request)
	if err != nil {
		return false, err
	}
	current := answer.GetOutcome() == syncv1.CheckInOutcome_CHECK_IN_OUTCOME_CURRENT
	if r.sure {
		r.sure = current
		return current, nil
	}
	before := r.head
	r.head, r.sure = map[string]section{}, true
	for kind, digest := range target {
		r.head[kind] = r.sectionOf(before, kind, digest)
	}
	if current {
		return true, nil
	}
	return false, r.learn(before, answer.GetBases())
}

// learn takes digests of the head's sections.
func (r *round) learn(ids map[string]section, bases []*syncv1.SectionDigest) error {
	for _, base := range bases {
		if len(base.GetDigest()) == 0 {
			delete(r.head, base.GetKind())
			continue
		}
		digest, err := asset.ParseDigest(base.GetDigest())
		if err != nil {
			return err
		}
		r.head[base.GetKind()] = r.sectionOf(ids, base.GetKind(), digest)
	}
	return nil
}

// sectionOf returns a section of the head with its ids, where they are known.
func (r *round) sectionOf(ids map[string]section, kind string, digest asset.Digest) section {
	if s, ok := r.want.set[kind]; ok && s.Digest() == digest {
		return heldOf(s)
	}
	if held, ok := ids[kind]; ok && held.digest == digest {
		return held
	}
	return section{digest: digest}
}

func heldOf(s *snapshot.Section) section {
	held := section{digest: s.Digest(), known: true}
	for i := range s.Assets {
		held.ids = append(held.ids, s.Assets[i].Digest.ID())
	}
	return held
}

// react follows a refusal; it returns the errors that end the round.
func (a *agent) react(ctx context.Context, err error) error {
	r := a.round
	a.refusals = append(a.refusals, err)
	refusal := refusalOf(err)
	switch refusal.GetReason() {
	case syncv1.RefusalReason_REFUSAL_REASON_BASE_UNKNOWN:
		return r.learn(r.head, refusal.GetBases())
	case syncv1.RefusalReason_REFUSAL_REASON_STALE:
		a.setBackTo(refusal.GetCounter())
		return nil
	case syncv1.RefusalReason_REFUSAL_REASON_ASSETS_MISSING:
		r.anew, r.asked = true, false
		return nil
	case syncv1.RefusalReason_REFUSAL_REASON_FROZEN:
		if err := a.enroll(ctx, ""); err != nil {
			return err
		}
		a.instance = a.newID() // the old one is known for the conflict
		return nil
	}
	switch connect.CodeOf(err) {
	case connect.CodeUnauthenticated: // its administrator enrols it again
		a.disk.credential = ""
		return nil
	case connect.CodeInvalidArgument: // of a set-back machine's head it does not know the other sections: compare, once
		if !r.doubted {
			r.head, r.sure, r.asked, r.doubted = map[string]section{}, false, false, true
			return nil
		}
		if a.copied { // its clone may have changed the head meanwhile
			return err
		}
		return fmt.Errorf("an honest agent was told: %w", errors.Join(errBroken, err))
	case connect.CodeInternal, connect.CodeUnknown, connect.CodeUnimplemented:
		return fmt.Errorf("an honest agent was told: %w", errors.Join(errBroken, err))
	default:
		return err
	}
}

var errBroken = errors.New("broken")

// setBackTo goes on behind a later state of the same machine.
func (a *agent) setBackTo(counter uint64) {
	if counter > a.last {
		a.disk.reserved, a.last = counter+reserve, counter
	}
	if a.round.resumes == nil {
		a.round.resumes = a.instance
	}
	a.instance = a.newID()
	a.round.resync, a.round.sure, a.round.asked = true, true, false
	a.round.head = map[string]section{}
}

// enroll gets a credential, for a secret or for the one that it has.
func (a *agent) enroll(ctx context.Context, secret string) error {
	a.round = nil
	answer, err := a.service.Enroll(ctx, &syncv1.EnrollRequest{
		Secret: secret, Evidence: a.machine.evidence, Stamp: a.stamp(), Hostname: a.machine.name,
	})
	if err != nil {
		return err
	}
	a.disk.serial, a.disk.credential, a.disk.held = answer.GetSerialNumber(), answer.GetCredential(), nil
	a.disk.enrolled = a.machine.evidence
	if !slices.Contains(a.serials, a.disk.serial) {
		a.serials = append(a.serials, a.disk.serial)
	}
	return nil
}

func refusalOf(err error) *syncv1.Refusal {
	var refused *connect.Error
	if !errors.As(err, &refused) {
		return nil
	}
	for _, detail := range refused.Details() {
		if value, err := detail.Value(); err == nil {
			if refusal, ok := value.(*syncv1.Refusal); ok {
				return refusal
			}
		}
	}
	return nil
}

// goodbye ends the credential.
func (a *agent) goodbye(ctx context.Context) error {
	_, err := a.service.Goodbye(ctx, &syncv1.GoodbyeRequest{Stamp: a.stamp(), Reason: "model"})
	return err
}

// instances returns a source of agent instances, no two of which are equal.
func instances() func() []byte {
	n := 0
	return func() []byte {
		n++
		sum := sha256.Sum256(fmt.Appendf(nil, "instance %d", n))
		return sum[:16]
	}
}
