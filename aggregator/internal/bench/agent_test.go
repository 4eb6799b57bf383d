// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"context"
	"net"
	"slices"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1grpc"
	"github.com/rollcall-inventory/rollcall/proto/normal"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// wire is a connection that counts its bytes on the socket.
type wire struct {
	*grpc.ClientConn
	up, down atomic.Int64
}

type countingConn struct {
	net.Conn
	wire *wire
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.wire.down.Add(int64(n))
	return n, err
}

func (c countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.wire.up.Add(int64(n))
	return n, err
}

func dial(b *testing.B, address string) *wire {
	b.Helper()
	w := &wire{}
	var err error
	w.ClientConn, err = grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			if err != nil {
				return nil, err
			}
			return countingConn{conn, w}, nil
		}))
	must(b, err)
	b.Cleanup(func() { _ = w.Close() })
	return w
}

// agent is a synthetic machine that speaks the real protocol.
type agent struct {
	wire       *wire
	client     syncv1grpc.SyncServiceClient
	credential string
	stamp      *syncv1.Stamp
	sections   snapshot.Sections
	root       []byte
}

// hold makes sections the agent's own; what they hash to is not what is measured.
func (a *agent) hold(sections snapshot.Sections) {
	root := snapshot.Root(sections.Digests())
	a.sections, a.root = sections, root[:]
}

// enroll makes an agent; the enrolment itself is not what is measured.
func (a *aggregator) enroll(b *testing.B, w *wire, number int) *agent {
	b.Helper()
	credential := auth.NewMachineCredential()
	evidence := normal.EvidenceDigest(&syncv1.Evidence{HardwareSerial: serialOf(number)})
	instance := make([]byte, 16)
	copy(instance, serialOf(number))
	_, err := a.store.Issue(b.Context(), store.NewCredential{
		Digest: auth.DigestOf(credential), Serial: serialOf(number), Modules: []string{"rollcall.agent"},
		Evidence: evidence, Identity: []byte("{}"), Instance: instance,
	})
	must(b, err)
	return &agent{
		wire: w, client: syncv1grpc.NewSyncServiceClient(w), credential: credential,
		stamp: &syncv1.Stamp{Instance: instance, Evidence: evidence},
	}
}

func (a *agent) next(b *testing.B) (context.Context, *syncv1.Stamp) {
	b.Helper()
	a.stamp.Counter++
	return metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+a.credential), a.stamp
}

// pushAll pushes whole sections the way agents do for the first time.
func (a *agent) pushAll(b *testing.B, sections snapshot.Sections) {
	b.Helper()
	a.hold(sections)
	ctx, stamp := a.next(b)
	missing := a.missing(ctx, b)
	stream, err := a.client.PushSections(ctx, grpc.UseCompressor(gzip.Name))
	must(b, err)
	must(b, stream.Send(&syncv1.PushSectionsRequest{Part: &syncv1.PushSectionsRequest_Header{
		Header: &syncv1.PushHeader{Stamp: stamp, Root: a.root},
	}}))
	for kind, section := range sections {
		digest := section.Digest()
		part := &syncv1.SectionPart{Kind: kind, Digest: digest[:16]}
		if k, _ := snapshot.KindOf(kind); k.Shared {
			part.Offered = true
			for _, position := range missing[kind] {
				part.Bodies = append(part.Bodies, section.Assets[position].Body)
			}
		} else {
			for _, asset := range section.Assets {
				part.Bodies = append(part.Bodies, asset.Body)
			}
		}
		for _, p := range cut(part) {
			must(b, stream.Send(&syncv1.PushSectionsRequest{Part: &syncv1.PushSectionsRequest_Section{Section: p}}))
		}
	}
	_, err = stream.CloseAndRecv()
	must(b, err)
}

// cut splits a section whose bodies are too many for one message.
func cut(part *syncv1.SectionPart) []*syncv1.SectionPart {
	const most = 2000
	bodies := part.GetBodies()
	if len(bodies) <= most {
		return []*syncv1.SectionPart{part}
	}
	part.Bodies = bodies[:most]
	parts := []*syncv1.SectionPart{part}
	for rest := range slices.Chunk(bodies[most:], most) {
		parts = append(parts, &syncv1.SectionPart{Kind: part.GetKind(), Bodies: rest})
	}
	return parts
}

func (a *agent) missing(ctx context.Context, b *testing.B) map[string][]uint32 {
	b.Helper()
	req := &syncv1.MissingRequest{}
	for kind, section := range a.sections {
		if k, _ := snapshot.KindOf(kind); !k.Shared {
			continue
		}
		digest := section.Digest()
		offered := &syncv1.OfferedSection{Kind: kind, Digest: digest[:]}
		for i := range section.Assets {
			id := section.Assets[i].Digest.ID()
			offered.Ids = append(offered.Ids, id[:]...)
		}
		req.Sections = append(req.Sections, offered)
	}
	response, err := a.client.Missing(ctx, req)
	must(b, err)
	missing := map[string][]uint32{}
	for _, section := range response.GetSections() {
		missing[section.GetKind()] = section.GetPositions()
	}
	return missing
}

// deltaTo returns the push that takes the machine to other sections of the same kinds.
func (a *agent) deltaTo(after snapshot.Sections) *syncv1.PushDeltaRequest {
	req := &syncv1.PushDeltaRequest{}
	for kind, section := range after {
		before := a.sections[kind]
		added, removed := snapshot.Diff(before.Digests(), section.Digests())
		if len(added)+len(removed) == 0 {
			continue
		}
		base, digest := before.Digest(), section.Digest()
		delta := &syncv1.SectionDelta{Kind: kind, Base: base[:16], Digest: digest[:16]}
		for _, d := range removed {
			id := d.ID()
			delta.Removed = append(delta.Removed, id[:]...)
		}
		bodies := map[asset.Digest][]byte{}
		for _, asset := range section.Assets {
			bodies[asset.Digest] = asset.Body
		}
		for _, d := range added {
			delta.Added = append(delta.Added, bodies[d])
		}
		req.Sections = append(req.Sections, delta)
	}
	a.hold(after)
	req.Root = a.root
	return req
}

// pushDelta sends a delta, compressed when it is long, as agents do.
func (a *agent) pushDelta(b *testing.B, req *syncv1.PushDeltaRequest) {
	b.Helper()
	const long = 1024
	ctx, stamp := a.next(b)
	req.Stamp = stamp
	var options []grpc.CallOption
	if proto.Size(req) > long {
		options = append(options, grpc.UseCompressor(gzip.Name))
	}
	_, err := a.client.PushDelta(ctx, req, options...)
	must(b, err)
}
