// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/fleet"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
	"github.com/rollcall-inventory/rollcall/proto/normal"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

const (
	// maxSteps bounds how often one round reacts to refusals.
	maxSteps = 8
	idBytes  = len(asset.ID{})
)

// held is a section of the head as the machine believes it; section is nil when its assets are not known.
type held struct {
	digest  asset.Digest
	section *snapshot.Section
}

// round brings the aggregator's snapshot of one machine to that of a day, as the agent does it.
type round struct {
	runner   *Runner
	machine  *machine
	spec     fleet.Machine
	lane     *lane
	secret   string    // enrols a machine that is not
	due      time.Time // of the first call; zero: now
	day      int
	evidence uint64

	want     snapshot.Sections // nil: not made yet
	digests  map[string]asset.Digest
	root     asset.Digest
	head     map[string]held // the believed head, once want is made
	headRoot asset.Digest
	sure     bool // head is worth pushing against; otherwise compare first
	resync   bool
	resumes  []byte
	anew     bool // held offers were lost: name assets by their ids
	retries  map[syncv1.RefusalReason]int
	vitals   *syncv1.Vitals
	health   *syncv1.Health

	pushed     bool
	reenrolled bool
}

// newRound prepares a round towards the machine's snapshot of a day.
func (r *Runner) newRound(m *machine, l *lane, day int) *round {
	spec := r.options.Fleet.Machine(m.index)
	known := m.memory()
	w := &round{
		runner: r, machine: m, spec: spec, lane: l, day: day,
		evidence: normal.EvidenceDigest(spec.Evidence()),
		headRoot: known.root, sure: known.day >= 0,
		retries: map[syncv1.RefusalReason]int{},
	}
	if known.day >= 0 && known.day == day {
		w.root = known.root
	}
	if m.since+1 >= vitalsEvery || known.day < 0 {
		w.vitals = vitalsOf(spec, known.counter)
	}
	if known.day < 0 {
		w.health = healthOf(l.name)
	}
	return w
}

// run goes round until the aggregator holds the snapshot or something stops it that the machine cannot act on.
func (r *round) run(ctx context.Context) error {
	r.machine.since++
	for range maxSteps {
		done, err := r.step(ctx)
		if err != nil {
			err = r.react(ctx, err)
		}
		if err != nil || done {
			return err
		}
	}
	return errors.New("machine and aggregator do not come to agree on the snapshot")
}

// step does one thing: enrol, compare or push. True says that the aggregator holds the snapshot.
func (r *round) step(ctx context.Context) (bool, error) {
	if r.machine.memory().credential == "" {
		return false, r.enroll(ctx, r.secret)
	}
	if r.root.IsZero() || !r.sure || r.resync || r.root != r.headRoot {
		if err := r.make(); err != nil {
			return false, err
		}
	}
	switch {
	case !r.sure:
		return r.compare(ctx)
	case r.resync:
		return r.pushSections(ctx, r.everything())
	case r.root == r.headRoot:
		return r.checkIn(ctx)
	}
	deltas, kinds := r.deltas()
	if deltas == nil {
		return r.pushSections(ctx, kinds)
	}
	return r.pushDelta(ctx, deltas)
}

// make makes the snapshot that is to be reported, and the acknowledged one that is to be compared with it.
func (r *round) make() error {
	if r.want != nil {
		return nil
	}
	var err error
	if r.want, err = r.spec.Sections(r.day); err != nil {
		return fmt.Errorf("snapshot of machine %d on day %d: %w", r.machine.index, r.day, err)
	}
	r.digests = r.want.Digests()
	r.root = snapshot.Root(r.digests)
	r.head = map[string]held{}
	known := r.machine.memory()
	if known.day < 0 {
		return nil
	}
	before, err := r.spec.Sections(known.day)
	if err != nil {
		return fmt.Errorf("snapshot of machine %d on day %d: %w", r.machine.index, known.day, err)
	}
	for kind, digest := range before.Digests() {
		r.head[kind] = held{digest, before[kind]}
	}
	return nil
}

// headDigests returns the believed head's digests.
func (r *round) headDigests() map[string]asset.Digest {
	digests := make(map[string]asset.Digest, len(r.head))
	for kind, h := range r.head {
		digests[kind] = h.digest
	}
	return digests
}

// believe books the head as it is believed now.
func (r *round) believe() {
	r.headRoot = asset.Digest{}
	if len(r.head) > 0 {
		r.headRoot = snapshot.Root(r.headDigests())
	}
}

// checkIn offers a root that the head should have.
func (r *round) checkIn(ctx context.Context) (bool, error) {
	answer, err := r.offer(ctx, &syncv1.CheckInRequest{})
	if err != nil {
		return false, err
	}
	if answer.GetOutcome() == syncv1.CheckInOutcome_CHECK_IN_OUTCOME_CURRENT {
		return true, r.acknowledged()
	}
	r.sure = false
	return false, nil
}

// compare offers all section digests and learns which the head has otherwise.
func (r *round) compare(ctx context.Context) (bool, error) {
	request := &syncv1.CheckInRequest{}
	for _, kind := range slices.Sorted(maps.Keys(r.digests)) {
		digest := r.digests[kind]
		request.Sections = append(request.Sections, &syncv1.SectionDigest{Kind: kind, Digest: digest[:]})
	}
	answer, err := r.offer(ctx, request)
	if err != nil {
		return false, err
	}
	if answer.GetOutcome() == syncv1.CheckInOutcome_CHECK_IN_OUTCOME_CURRENT {
		return true, r.acknowledged()
	}
	before := r.head
	r.head = map[string]held{}
	for kind, digest := range r.digests {
		r.head[kind] = held{digest, r.want[kind]}
	}
	r.sure = true
	return false, r.learn(before, answer.GetBases())
}

// offer sends a check-in and takes what its answer says beside the outcome.
func (r *round) offer(ctx context.Context, request *syncv1.CheckInRequest) (*syncv1.CheckInResponse, error) {
	root := r.root
	request.Root, request.Stamp = root[:], r.machine.stamp(r.evidence)
	request.Vitals, request.Health = r.vitals, r.health
	var answer *syncv1.CheckInResponse
	err := r.call(ctx, "CheckIn", unaryLimit, func(ctx context.Context, service syncv1connect.SyncServiceClient) error {
		var err error
		answer, err = service.CheckIn(ctx, request)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("check in: %w", err)
	}
	if fresh := answer.GetCredential(); fresh != "" {
		r.machine.remember(func(known *memory) { known.credential = fresh })
	}
	return answer, nil
}

// learn takes digests of the head's sections; the assets of those that the machine knows come from before or from want.
func (r *round) learn(before map[string]held, bases []*syncv1.SectionDigest) error {
	for _, base := range bases {
		kind := base.GetKind()
		if len(base.GetDigest()) == 0 {
			delete(r.head, kind)
			continue
		}
		digest, err := asset.ParseDigest(base.GetDigest())
		if err != nil {
			return fmt.Errorf("base of %s: %w", kind, err)
		}
		switch h, known := before[kind]; {
		case r.digests[kind] == digest:
			r.head[kind] = held{digest, r.want[kind]}
		case known && h.digest == digest:
			r.head[kind] = h
		default:
			r.head[kind] = held{digest: digest}
		}
	}
	r.believe()
	return nil
}

// committed books an accepted push; true says that the head is as wanted.
func (r *round) committed(root []byte) (bool, error) {
	r.pushed, r.resync = true, false
	r.sure = bytes.Equal(root, r.root[:])
	if !r.sure {
		return false, nil
	}
	return true, r.acknowledged()
}

// acknowledged remembers that the aggregator holds the snapshot.
func (r *round) acknowledged() error {
	if r.vitals != nil {
		r.machine.since = 0
	}
	r.machine.remember(func(known *memory) { known.day, known.root = r.day, r.root })
	return nil
}
