// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"io"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// maxPushBytes bounds what one push of whole sections may hold: several times what a large machine sends at first.
const maxPushBytes = 16 << 20

// pushSections commits whole sections. receive returns the messages of the stream one after the other and io.EOF
// behind the last.
func (s *Service) pushSections(ctx context.Context, receive func() (*syncv1.PushSectionsRequest, error)) (*syncv1.PushSectionsResponse, error) {
	first, err := receive()
	if errors.Is(err, io.EOF) {
		return nil, invalid("the push ends before its header")
	}
	if err != nil {
		return nil, err
	}
	header := first.GetHeader()
	if header == nil {
		return nil, invalid("the first message of a push is not its header")
	}
	r, err := s.begin(ctx, header.GetStamp(), header.GetSource())
	if err != nil {
		return nil, err
	}
	r.stamp.Resync, r.stamp.Resumes = header.GetResync(), header.GetResumes()
	push, err := r.push(header.GetRoot())
	if err != nil {
		return nil, err
	}
	if push.Root.IsZero() {
		return nil, noRoot()
	}
	g := gatherer{service: s, call: callOf(ctx), report: &r, sections: map[string]*commit.Section{}}
	if err := g.all(receive); err != nil {
		return nil, err
	}
	push.Sections, err = g.finish()
	if err != nil {
		return nil, err
	}
	result, err := s.commit(ctx, &r, push, "sections", header.GetVitals(), header.GetHealth())
	if err != nil {
		return nil, err
	}
	return &syncv1.PushSectionsResponse{
		Root: result.Root[:], IntervalSeconds: s.interval(r.caller.Enrollment),
		ConfigurationVersion: s.configurationVersion(r.caller.Enrollment),
	}, nil
}

// gatherer puts the parts of whole sections together.
type gatherer struct {
	service  *Service
	call     *call
	report   *report
	sections map[string]*commit.Section
	order    []string
	rawIDs   map[string][]byte
	bytes    int
	assets   int
}

// all reads the stream to its end.
func (g *gatherer) all(receive func() (*syncv1.PushSectionsRequest, error)) error {
	for {
		message, err := receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		part := message.GetSection()
		if part == nil {
			return invalid("a message behind the header is not a section")
		}
		if err := g.add(part); err != nil {
			return err
		}
	}
}

func (g *gatherer) add(part *syncv1.SectionPart) error {
	section, known := g.sections[part.GetKind()]
	if !known {
		if err := checkKind(part.GetKind()); err != nil {
			return err
		}
		if len(g.order) == maxKinds {
			return tooManySections(maxKinds + 1)
		}
		state, err := stateOf(part.GetKind(), part.GetState())
		if err != nil {
			return err
		}
		if len(part.GetDigest()) != len(asset.ID{}) && state == commit.Set {
			return invalid("section %s: digest of %d bytes, want %d", part.GetKind(), len(part.GetDigest()), len(asset.ID{}))
		}
		section = &commit.Section{Kind: part.GetKind(), State: state, Digest: part.GetDigest()}
		g.sections[section.Kind] = section
		g.order = append(g.order, section.Kind)
	}
	if err := g.count(part); err != nil {
		return err
	}
	section.Bodies = append(section.Bodies, part.GetBodies()...)
	if part.GetOffered() {
		return g.offered(section)
	}
	if len(part.GetIds()) > 0 {
		if g.rawIDs == nil {
			g.rawIDs = map[string][]byte{}
		}
		g.rawIDs[section.Kind] = append(g.rawIDs[section.Kind], part.GetIds()...)
	}
	return nil
}

// count holds the push against its limits before it is kept.
func (g *gatherer) count(part *syncv1.SectionPart) error {
	ids := len(part.GetIds()) / len(asset.ID{})
	g.assets += len(part.GetBodies()) + ids
	g.bytes += len(part.GetIds())
	for _, body := range part.GetBodies() {
		g.bytes += len(body)
	}
	switch {
	case g.assets > 2*commit.MaxAssets: // ids and bodies of all
		return tooManyAssets()
	case g.bytes > maxPushBytes:
		return exhausted("more than %d bytes in one push", maxPushBytes)
	default:
		return g.call.take(idWeight*ids + bodyWeight*len(part.GetBodies()))
	}
}

// offered takes the ids of a section from an earlier call of Missing.
func (g *gatherer) offered(section *commit.Section) error {
	if section.State != commit.Set {
		return invalid("section %s: offered ids of a section that is not set", section.Kind)
	}
	ids, ok := g.service.offers.get(offerKey{g.report.headKey(), section.Kind}, asset.ID(section.Digest))
	if !ok {
		return refuseMissing(&commit.MissingError{Kind: section.Kind}, "section "+section.Kind+": the offer of its assets is not held any more")
	}
	section.IDs = ids
	return g.call.take(idWeight * len(ids))
}

// finish parses the ids and returns the sections in the order they came.
func (g *gatherer) finish() ([]commit.Section, error) {
	out := make([]commit.Section, 0, len(g.order))
	for _, kind := range g.order {
		section := g.sections[kind]
		if raw, ok := g.rawIDs[kind]; ok {
			ids, err := asset.ParseIDs(raw)
			if err != nil {
				return nil, invalid("section %s: %w", kind, err)
			}
			section.IDs = ids
		}
		if k, ok := snapshot.KindOf(kind); ok && k.Shared && section.IDs == nil && len(section.Bodies) > 0 && section.State == commit.Set {
			return nil, invalid("section %s: bodies of a shared kind without the ids of the section", kind)
		}
		out = append(out, *section)
	}
	return out, nil
}
