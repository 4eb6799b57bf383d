// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// fake is an aggregator of one machine, kept in memory. It checks what it is sent as the real one does.
type fake struct {
	mu       sync.Mutex
	head     map[string][]asset.Digest // by kind
	dict     map[asset.ID][]byte       // bodies of shared assets
	offers   map[string][]asset.ID     // by the first half of a section digest
	instance []byte
	counter  uint64

	credential string // valid one
	serial     string
	grpc       string   // announced native address
	calls      []string // procedures, in order
	headers    []*syncv1.PushHeader
	parts      []*syncv1.SectionPart
	deltas     []*syncv1.PushDeltaRequest
	checkIns   []*syncv1.CheckInRequest

	answer     func(*syncv1.CheckInResponse) // changes answers to check-ins
	refuse     func(procedure string) error  // called before anything else
	after      func(procedure string) error  // called after the call was carried out
	noHolding  bool                          // offers are not kept
	forgetful  bool                          // offers are promised and lost
	lacksKinds map[string]bool

	configuration uint64 // version that agents should have
}

func newFake() *fake {
	return &fake{
		head:       map[string][]asset.Digest{},
		dict:       map[asset.ID][]byte{},
		offers:     map[string][]asset.ID{},
		credential: "rcm_first",
		serial:     "S1",
	}
}

// serve starts the fake on loopback, for Connect and gRPC alike.
func (f *fake) serve(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(syncv1connect.NewSyncServiceHandler(f, connect.WithInterceptors(f)))
	server := httptest.NewUnstartedServer(mux)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// admit is what every call goes through.
func (f *fake) admit(procedure string, header http.Header) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := procedure[strings.LastIndex(procedure, "/")+1:]
	f.calls = append(f.calls, name)
	authorised := header.Get("Authorization") == "Bearer "+f.credential
	if !authorised && name != "Enroll" {
		return connect.NewError(connect.CodeUnauthenticated, errors.New("credential is not known"))
	}
	if f.refuse != nil {
		return f.refuse(name)
	}
	return nil
}

func (f *fake) left(procedure string) error {
	if f.after == nil {
		return nil
	}
	return f.after(procedure[strings.LastIndex(procedure, "/")+1:])
}

// WrapUnary implements connect.Interceptor.
func (f *fake) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		if err := f.admit(request.Spec().Procedure, request.Header()); err != nil {
			return nil, err
		}
		response, err := next(ctx, request)
		if err == nil {
			err = f.left(request.Spec().Procedure)
		}
		return response, err
	}
}

// WrapStreamingClient implements connect.Interceptor.
func (f *fake) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler implements connect.Interceptor.
func (f *fake) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		if err := f.admit(conn.Spec().Procedure, conn.RequestHeader()); err != nil {
			return err
		}
		if err := next(ctx, conn); err != nil {
			return err
		}
		return f.left(conn.Spec().Procedure)
	}
}

// Enroll implements syncv1connect.SyncServiceHandler.
func (f *fake) Enroll(_ context.Context, r *syncv1.EnrollRequest) (*syncv1.EnrollResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.GetSecret() != "secret" && r.GetSecret() != "" {
		return nil, connect.NewError(connect.CodeUnauthenticated, errors.New("enrolment secret is not known"))
	}
	f.instance, f.counter = nil, 0
	answer := &syncv1.EnrollResponse{SerialNumber: f.serial, Credential: f.credential, GrpcAddress: f.grpc, IntervalSeconds: 300}
	if f.configuration != 0 {
		answer.Configuration = &syncv1.Configuration{Version: f.configuration}
	}
	return answer, nil
}

// CheckIn implements syncv1connect.SyncServiceHandler.
func (f *fake) CheckIn(_ context.Context, r *syncv1.CheckInRequest) (*syncv1.CheckInResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.checkIns = append(f.checkIns, r)
	if err := f.order(r.GetStamp(), false); err != nil {
		return nil, err
	}
	answer := &syncv1.CheckInResponse{Outcome: syncv1.CheckInOutcome_CHECK_IN_OUTCOME_CURRENT, IntervalSeconds: 300}
	if root := f.root(); !bytes.Equal(root[:], r.GetRoot()) || len(f.head) == 0 {
		answer.Outcome = syncv1.CheckInOutcome_CHECK_IN_OUTCOME_PUSH
		answer.Bases = f.bases(r.GetSections())
	}
	if r.GetConfigurationVersion() != f.configuration {
		answer.Configuration = &syncv1.Configuration{Version: f.configuration}
	}
	if f.answer != nil {
		f.answer(answer)
	}
	return answer, nil
}

// bases lists the kinds that differ from what was offered.
func (f *fake) bases(offered []*syncv1.SectionDigest) []*syncv1.SectionDigest {
	var bases []*syncv1.SectionDigest
	equal := map[string]bool{}
	for _, o := range offered {
		digests, ok := f.head[o.GetKind()]
		if d := snapshot.Digest(o.GetKind(), digests); ok && bytes.Equal(d[:], o.GetDigest()) {
			equal[o.GetKind()] = true
		} else if !ok {
			bases = append(bases, &syncv1.SectionDigest{Kind: o.GetKind()})
		}
	}
	for kind, digests := range f.head {
		if !equal[kind] {
			d := snapshot.Digest(kind, digests)
			bases = append(bases, &syncv1.SectionDigest{Kind: kind, Digest: d[:]})
		}
	}
	return bases
}

// Missing implements syncv1connect.SyncServiceHandler.
func (f *fake) Missing(_ context.Context, r *syncv1.MissingRequest) (*syncv1.MissingResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer := &syncv1.MissingResponse{Held: !f.noHolding}
	for _, section := range r.GetSections() {
		ids, err := asset.ParseIDs(section.GetIds())
		if err != nil {
			return nil, connect.NewError(connect.CodeInvalidArgument, err)
		}
		missing := &syncv1.MissingAssets{Kind: section.GetKind()}
		for i, id := range ids {
			if f.dict[id] == nil {
				missing.Positions = append(missing.Positions, uint32(i))
			}
		}
		if !f.noHolding && !f.forgetful {
			f.offers[string(section.GetDigest()[:16])] = ids
		}
		answer.Sections = append(answer.Sections, missing)
	}
	return answer, nil
}

// PushDelta implements syncv1connect.SyncServiceHandler.
func (f *fake) PushDelta(_ context.Context, r *syncv1.PushDeltaRequest) (*syncv1.PushDeltaResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deltas = append(f.deltas, r)
	if err := f.order(r.GetStamp(), false); err != nil {
		return nil, err
	}
	next := f.copyHead()
	for _, delta := range r.GetSections() {
		if err := f.applyDelta(next, delta); err != nil {
			return nil, err
		}
	}
	root, err := f.commit(next, r.GetRoot())
	return &syncv1.PushDeltaResponse{Root: root, ConfigurationVersion: f.configuration}, err
}

func (f *fake) applyDelta(next map[string][]asset.Digest, delta *syncv1.SectionDelta) error {
	kind := delta.GetKind()
	if f.lacksKinds[kind] {
		return refusal(connect.CodeUnimplemented, syncv1.RefusalReason_REFUSAL_REASON_KIND_UNKNOWN, &syncv1.SectionDigest{Kind: kind})
	}
	if delta.GetState() == syncv1.SectionState_SECTION_STATE_DROP {
		delete(next, kind)
		return nil
	}
	have, ok := next[kind]
	var base []byte
	if d := snapshot.Digest(kind, have); ok {
		base = d[:16]
	}
	if !bytes.Equal(base, delta.GetBase()) {
		return refusal(connect.CodeFailedPrecondition, syncv1.RefusalReason_REFUSAL_REASON_BASE_UNKNOWN, f.bases(nil)...)
	}
	removed, err := asset.ParseIDs(delta.GetRemoved())
	if err != nil {
		return connect.NewError(connect.CodeInvalidArgument, err)
	}
	after, err := snapshot.Apply(have, removed, f.take(kind, delta.GetAdded()))
	if err != nil {
		return connect.NewError(connect.CodeInvalidArgument, err)
	}
	next[kind] = after
	return f.verify(kind, after, delta.GetDigest())
}

// PushSections implements syncv1connect.SyncServiceHandler.
func (f *fake) PushSections(_ context.Context, stream *connect.ClientStream[syncv1.PushSectionsRequest]) (*syncv1.PushSectionsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !stream.Receive() || stream.Msg().GetHeader() == nil {
		return nil, connect.NewError(connect.CodeInvalidArgument, errors.New("no header"))
	}
	header := stream.Msg().GetHeader()
	f.headers = append(f.headers, header)
	if err := f.order(header.GetStamp(), header.GetResync()); err != nil {
		return nil, err
	}
	sections := map[string]*syncv1.SectionPart{}
	for stream.Receive() {
		part := stream.Msg().GetSection()
		f.parts = append(f.parts, part)
		if first, ok := sections[part.GetKind()]; ok {
			first.Ids = append(first.Ids, part.GetIds()...)
			first.Bodies = append(first.Bodies, part.GetBodies()...)
			continue
		}
		sections[part.GetKind()] = &syncv1.SectionPart{
			Kind: part.GetKind(), State: part.GetState(), Digest: part.GetDigest(), Offered: part.GetOffered(),
			Ids: slices.Clone(part.GetIds()), Bodies: slices.Clone(part.GetBodies()),
		}
	}
	next := f.copyHead()
	for _, section := range sections {
		if err := f.applySection(next, section); err != nil {
			return nil, err
		}
	}
	root, err := f.commit(next, header.GetRoot())
	return &syncv1.PushSectionsResponse{Root: root, ConfigurationVersion: f.configuration}, err
}

func (f *fake) applySection(next map[string][]asset.Digest, part *syncv1.SectionPart) error {
	kind := part.GetKind()
	if f.lacksKinds[kind] {
		return refusal(connect.CodeUnimplemented, syncv1.RefusalReason_REFUSAL_REASON_KIND_UNKNOWN, &syncv1.SectionDigest{Kind: kind})
	}
	if part.GetState() == syncv1.SectionState_SECTION_STATE_DROP {
		delete(next, kind)
		return nil
	}
	digests := f.take(kind, part.GetBodies())
	if shared(kind) {
		ids, err := asset.ParseIDs(part.GetIds())
		if err != nil {
			return connect.NewError(connect.CodeInvalidArgument, err)
		}
		if part.GetOffered() {
			ids = f.offers[string(part.GetDigest())]
		}
		digests = nil
		for _, id := range ids {
			if f.dict[id] == nil {
				return refusal(connect.CodeFailedPrecondition, syncv1.RefusalReason_REFUSAL_REASON_ASSETS_MISSING)
			}
			digests = append(digests, asset.Of(kind, f.dict[id]))
		}
	}
	slices.SortFunc(digests, asset.Digest.Compare)
	next[kind] = digests
	if part.GetOffered() && f.forgetful {
		return refusal(connect.CodeFailedPrecondition, syncv1.RefusalReason_REFUSAL_REASON_ASSETS_MISSING)
	}
	return f.verify(kind, digests, part.GetDigest())
}

// Goodbye implements syncv1connect.SyncServiceHandler.
func (f *fake) Goodbye(context.Context, *syncv1.GoodbyeRequest) (*syncv1.GoodbyeResponse, error) {
	return &syncv1.GoodbyeResponse{}, nil
}
