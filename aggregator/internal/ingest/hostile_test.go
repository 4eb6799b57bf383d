// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// hostile is a call that must be refused, by an agent that is known and current.
type hostile struct {
	name    string
	call    func(a *agent) error
	code    connect.Code
	message string
	reason  syncv1.RefusalReason
}

// delta is a call of PushDelta that change spoils.
func delta(kind string, bodies []string, change func(*syncv1.PushDeltaRequest, *syncv1.SectionDelta)) func(*agent) error {
	return func(a *agent) error {
		request := a.deltaRequest(kind, bodies...)
		change(request, request.Sections[0])
		_, err := a.client.PushDelta(a.ctx(), request)
		return err
	}
}

// sections is a call of PushSections with one whole section that change spoils.
func sections(kind string, bodies []string, change func(*syncv1.PushHeader, *syncv1.SectionPart)) func(*agent) error {
	return func(a *agent) error {
		a.sections[kind] = bodies
		messages := a.messages(false, kind)
		change(messages[0].GetHeader(), messages[1].GetSection())
		_, err := a.client.PushAll(a.ctx(), messages)
		return err
	}
}

// body is a push of one body that no digest saves, as a delta or as a whole section.
func body(kind, text string) func(*agent) error {
	return func(a *agent) error {
		if len(text)%2 == 0 {
			return delta(kind, []string{text}, func(*syncv1.PushDeltaRequest, *syncv1.SectionDelta) {})(a)
		}
		return sections(kind, []string{text}, func(*syncv1.PushHeader, *syncv1.SectionPart) {})(a)
	}
}

// stamped is a check-in with a stamp that change spoils.
func stamped(change func(*syncv1.CheckInRequest)) func(*agent) error {
	return func(a *agent) error {
		request := a.checkInRequest(true)
		change(request)
		_, err := a.client.CheckIn(a.ctx(), request)
		return err
	}
}

var (
	packages    = []string{`{"name":"bash","version":"5.2"}`, `{"name":"dash","version":"0.5"}`}
	newPackages = append([]string{`{"name":"zsh","version":"1"}`}, packages...)
)

// hostileCalls are the calls that each door has to refuse.
var hostileCalls = []hostile{
	{"wrong section digest", delta("deb_packages", newPackages, func(_ *syncv1.PushDeltaRequest, d *syncv1.SectionDelta) {
		d.Digest = make([]byte, 16)
	}), connect.CodeInvalidArgument, "section deb_packages: recomputed digest ", noReason},
	{"wrong section digest of a whole section", sections("disks", []string{`{"name":"x"}`}, func(_ *syncv1.PushHeader, p *syncv1.SectionPart) {
		p.Digest[3] ^= 1
	}), connect.CodeInvalidArgument, "section disks: recomputed digest ", noReason},
	{"wrong root", delta("deb_packages", newPackages, func(r *syncv1.PushDeltaRequest, _ *syncv1.SectionDelta) {
		r.Root[31] ^= 1
	}), connect.CodeInvalidArgument, "recomputed root ", noReason},
	{"another body than was hashed", delta("deb_packages", newPackages, func(_ *syncv1.PushDeltaRequest, d *syncv1.SectionDelta) {
		d.Added[0] = []byte(`{"name":"zsh","version":"2"}`)
	}), connect.CodeInvalidArgument, "section deb_packages: recomputed digest ", noReason},
	{"another body behind a known id", sections("deb_packages", newPackages, func(_ *syncv1.PushHeader, p *syncv1.SectionPart) {
		p.Bodies = [][]byte{[]byte(`{"name":"evil"}`)}
	}), connect.CodeInvalidArgument, "is brought, but is not among the ids of the section", noReason},
	{"unknown id without its body", sections("deb_packages", newPackages, func(_ *syncv1.PushHeader, p *syncv1.SectionPart) {
		p.Bodies = nil
	}), connect.CodeFailedPrecondition, "1 assets are named without a body and are not known", assetsMissing},

	{"added while present", delta("deb_packages", newPackages, func(_ *syncv1.PushDeltaRequest, d *syncv1.SectionDelta) {
		d.Added = append(d.Added, []byte(packages[0]))
	}), connect.CodeInvalidArgument, "section deb_packages: added asset is in the section already: ", noReason},
	{"added twice", delta("disks", []string{`{"name":"x"}`}, func(_ *syncv1.PushDeltaRequest, d *syncv1.SectionDelta) {
		d.Added = append(d.Added, d.Added[0])
	}), connect.CodeInvalidArgument, "section disks: added asset is in the section already: ", noReason},
	{"brought twice", sections("disks", []string{`{"name":"x"}`}, func(_ *syncv1.PushHeader, p *syncv1.SectionPart) {
		p.Bodies = append(p.Bodies, p.Bodies[0])
	}), connect.CodeInvalidArgument, "is brought twice", noReason},
	{"id named twice", sections("deb_packages", packages, func(_ *syncv1.PushHeader, p *syncv1.SectionPart) {
		p.Ids = append(p.Ids, p.Ids[16:]...)
	}), connect.CodeInvalidArgument, "at position 2 is not above the one before it", noReason},
	{"removed while absent", delta("deb_packages", newPackages, func(_ *syncv1.PushDeltaRequest, d *syncv1.SectionDelta) {
		d.Removed = bytes.Repeat([]byte{7}, 16)
	}), connect.CodeInvalidArgument, "section deb_packages: removed asset is not in the section: 0707", noReason},
	{"half an id removed", delta("deb_packages", newPackages, func(_ *syncv1.PushDeltaRequest, d *syncv1.SectionDelta) {
		d.Removed = make([]byte, 17)
	}), connect.CodeInvalidArgument, "section deb_packages: removed: id list of 17 bytes, want a multiple of 16", noReason},
	{"unknown base", delta("deb_packages", newPackages, func(_ *syncv1.PushDeltaRequest, d *syncv1.SectionDelta) {
		d.Base = bytes.Repeat([]byte{1}, 16)
	}), connect.CodeFailedPrecondition, "base of deb_packages is not the head's section", baseUnknown},
	{"no base where there is one", delta("deb_packages", newPackages, func(_ *syncv1.PushDeltaRequest, d *syncv1.SectionDelta) {
		d.Base = nil
	}), connect.CodeFailedPrecondition, "base of deb_packages is not the head's section", baseUnknown},
	{"base of a byte", delta("deb_packages", newPackages, func(_ *syncv1.PushDeltaRequest, d *syncv1.SectionDelta) {
		d.Base = []byte{1}
	}), connect.CodeInvalidArgument, "section deb_packages: base of 1 bytes, want 16 or none", noReason},
	{"no digest", delta("deb_packages", newPackages, func(_ *syncv1.PushDeltaRequest, d *syncv1.SectionDelta) {
		d.Digest = nil
	}), connect.CodeInvalidArgument, "section deb_packages: digest of 0 bytes, want 16", noReason},
	{"unknown state", delta("deb_packages", newPackages, func(_ *syncv1.PushDeltaRequest, d *syncv1.SectionDelta) {
		d.State = 7
	}), connect.CodeInvalidArgument, "section deb_packages: unknown state 7", noReason},
	{"kind named twice", delta("disks", []string{`{"name":"x"}`}, func(r *syncv1.PushDeltaRequest, d *syncv1.SectionDelta) {
		r.Sections = append(r.Sections, d)
	}), connect.CodeInvalidArgument, "section disks: named twice", noReason},

	{"depth 1,000", body("disks", `{"a":`+strings.Repeat(`[`, 1000)+strings.Repeat(`]`, 1000)+`}`), connect.CodeInvalidArgument, "section disks: body 0: not canonical JSON at byte 37: nested deeper than 32", noReason},
	{"escaped NUL", body("disks", `{"name":"a\u0000b"}`), connect.CodeInvalidArgument, "text holds a NUL character", noReason},
	{"plain NUL", body("deb_packages", "{\"name\":\"a\x00b\"}"), connect.CodeInvalidArgument, "control character without an escape", noReason},
	{"invalid UTF-8", body("deb_packages", "{\"name\":\"a\xffb\"}"), connect.CodeInvalidArgument, "section deb_packages: body 0: text is not valid UTF-8", noReason},
	{"keys not sorted", body("disks", `{"size":1,"name":"x"}`), connect.CodeInvalidArgument, `key "name" is not above the one before it`, noReason},
	{"key twice", body("disks", `{"name":"x","name":"y"}`), connect.CodeInvalidArgument, `key "name" is not above the one before it`, noReason},
	{"space", body("deb_packages", `{"name": "x"}`), connect.CodeInvalidArgument, "not canonical JSON at byte 8", noReason},
	{"number not in its shortest form", body("disks", `{"size":1.0}`), connect.CodeInvalidArgument, "number 1.0, want 1", noReason},
	{"text behind the body", body("disks", `{"name":"x"}{}`), connect.CodeInvalidArgument, "text after the value", noReason},
	{"no body at all", body("deb_packages", ""), connect.CodeInvalidArgument, "want a value", noReason},
	{"no object", body("disks", `["x"]`), connect.CodeInvalidArgument, "section disks: body 0: not an object", noReason},
	{"body above its limit", body("disks", `{"name":"`+strings.Repeat("x", 1<<20)+`"}`), connect.CodeInvalidArgument, "the limit is 1048576", noReason},
	{"two of what there is once", sections("system_info", []string{`{"computer_name":"a"}`, `{"computer_name":"b"}`}, func(*syncv1.PushHeader, *syncv1.SectionPart) {}), connect.CodeInvalidArgument, "section system_info: 2 assets, there is at most one", noReason},

	{"unknown kind", delta("disks", []string{`{"name":"x"}`}, func(_ *syncv1.PushDeltaRequest, d *syncv1.SectionDelta) {
		d.Kind = "invented"
	}), connect.CodeUnimplemented, "unknown kinds: invented", kindUnknown},
	{"name that no kind has", sections("disks", []string{`{"name":"x"}`}, func(_ *syncv1.PushHeader, p *syncv1.SectionPart) {
		p.Kind = "Disks\x00"
	}), connect.CodeInvalidArgument, `"Disks\x00" is no name of a kind`, noReason},
	{"endless name of a kind", delta("disks", []string{`{"name":"x"}`}, func(_ *syncv1.PushDeltaRequest, d *syncv1.SectionDelta) {
		d.Kind = strings.Repeat("k", 1<<20)
	}), connect.CodeInvalidArgument, "a kind's name has 1048576 bytes, want 1 to 64", noReason},
	{"the aggregator's own kind", delta("disks", []string{`{"name":"x"}`}, func(_ *syncv1.PushDeltaRequest, d *syncv1.SectionDelta) {
		d.Kind = "@added"
	}), connect.CodeInvalidArgument, "is no name of a kind", noReason},
	{"ids of a private kind", sections("disks", []string{`{"name":"x"}`}, func(_ *syncv1.PushHeader, p *syncv1.SectionPart) {
		p.Ids = bytes.Repeat([]byte{7}, 16)
	}), connect.CodeInvalidArgument, "section disks: ids of a private kind: its bodies are needed", noReason},
	{"bodies of a shared kind without its ids", sections("deb_packages", newPackages, func(_ *syncv1.PushHeader, p *syncv1.SectionPart) {
		p.Ids = nil
	}), connect.CodeInvalidArgument, "section deb_packages: bodies of a shared kind without the ids of the section", noReason},
	{"id of another kind", otherKind, connect.CodeInvalidArgument, "is of kind deb_packages", noReason},
	{"offered ids of a section that goes", sections("deb_packages", packages, func(_ *syncv1.PushHeader, p *syncv1.SectionPart) {
		p.State, p.Digest, p.Ids, p.Offered = syncv1.SectionState_SECTION_STATE_DROP, nil, nil, true
	}), connect.CodeInvalidArgument, "section deb_packages: offered ids of a section that is not set", noReason},

	{"no header", func(a *agent) error {
		_, err := a.client.PushAll(a.ctx(), a.messages(false)[1:])
		return err
	}, connect.CodeInvalidArgument, "the first message of a push is not its header", noReason},
	{"nothing at all", func(a *agent) error {
		_, err := a.client.PushAll(a.ctx(), nil)
		return err
	}, connect.CodeInvalidArgument, "the push ends before its header", noReason},
	{"two headers", func(a *agent) error {
		_, err := a.client.PushAll(a.ctx(), append(a.messages(false), a.header(false)))
		return err
	}, connect.CodeInvalidArgument, "a message behind the header is not a section", noReason},
	{"header without its sections", func(a *agent) error {
		a.sections["disks"] = []string{`{"name":"x"}`}
		_, err := a.client.PushAll(a.ctx(), a.messages(false)[:1])
		return err
	}, connect.CodeInvalidArgument, "recomputed root ", noReason},
	{"10,000 parts of one kind", parts(func(int) *syncv1.SectionPart {
		return &syncv1.SectionPart{Kind: "disks", Digest: make([]byte, 16), Bodies: [][]byte{[]byte(`{"name":"x"}`)}}
	}), connect.CodeInvalidArgument, "is brought twice", noReason},
	{"10,000 kinds", parts(func(i int) *syncv1.SectionPart {
		return &syncv1.SectionPart{Kind: fmt.Sprintf("kind_%d", i), Digest: make([]byte, 16)}
	}), connect.CodeResourceExhausted, "257 sections, the limit is 256", noReason},

	{"empty instance", stamped(func(r *syncv1.CheckInRequest) { r.Stamp.Instance = nil }), connect.CodeInvalidArgument, "stamp.instance has 0 bytes, want 16", noReason},
	{"long instance", stamped(func(r *syncv1.CheckInRequest) { r.Stamp.Instance = make([]byte, 1<<20) }), connect.CodeInvalidArgument, "stamp.instance has 1048576 bytes, want 16", noReason},
	{"no stamp", stamped(func(r *syncv1.CheckInRequest) { r.Stamp = nil }), connect.CodeInvalidArgument, "stamp.instance has 0 bytes, want 16", noReason},
	{"counter 0", stamped(func(r *syncv1.CheckInRequest) { r.Stamp.Counter = 0 }), connect.CodeInvalidArgument, "stamp.counter is 0, want 1 to 9223372036854775807", noReason},
	{"counter 2^63", stamped(func(r *syncv1.CheckInRequest) { r.Stamp.Counter = 1 << 63 }), connect.CodeInvalidArgument, "stamp.counter is 9223372036854775808, want 1 to 9223372036854775807", noReason},
	{"root of 31 bytes", stamped(func(r *syncv1.CheckInRequest) { r.Root = r.Root[:31] }), connect.CodeInvalidArgument, "root: digest of 31 bytes, want 32", noReason},
	{"root of zeros", delta("disks", []string{`{"name":"x"}`}, func(r *syncv1.PushDeltaRequest, _ *syncv1.SectionDelta) {
		r.Root = make([]byte, 32)
	}), connect.CodeInvalidArgument, "root: all bytes are zero", noReason},
	{"sections of another root", stamped(func(r *syncv1.CheckInRequest) { r.Root[0] ^= 1 }), connect.CodeInvalidArgument, "the sections have the root ", noReason},
	{"short section digest", stamped(func(r *syncv1.CheckInRequest) { r.Sections[0].Digest = []byte{1} }), connect.CodeInvalidArgument, "section deb_packages: digest of 1 bytes, want 32", noReason},
	{"source of somebody else", stamped(func(r *syncv1.CheckInRequest) {
		r.Source = &syncv1.Source{Module: "zentral.contrib.munki", Name: "Munki"}
	}), connect.CodePermissionDenied, `this credential may not report as "Munki" of module "zentral.contrib.munki"`, noReason},
	{"invented source", stamped(func(r *syncv1.CheckInRequest) {
		r.Source = &syncv1.Source{Module: "rollcall.agent", Name: strings.Repeat("x", 1<<20)}
	}), connect.CodePermissionDenied, "this credential may not report as ", noReason},

	{"10^6 assets in a delta", func(a *agent) error {
		request := a.deltaRequest("disks", `{"name":"x"}`)
		request.Sections[0].Added = make([][]byte, 1_000_000)
		_, err := a.client.PushDelta(a.ctx(), request)
		return err
	}, connect.CodeResourceExhausted, "too much in one message: the limit is 250000 fields", noReason},
	{"10^6 assets in a stream", func(a *agent) error {
		messages := []*syncv1.PushSectionsRequest{a.header(false)}
		for range 40 {
			messages = append(messages, partOf(&syncv1.SectionPart{Kind: "deb_packages", Digest: make([]byte, 16), Ids: make([]byte, 16*25_000)}))
		}
		_, err := a.client.PushAll(a.ctx(), messages)
		return err
	}, connect.CodeResourceExhausted, "too many assets: the limit of a snapshot is 100000", noReason},
	{"100,001 assets offered", missing("deb_packages", 100_001), connect.CodeResourceExhausted, "too many assets: the limit of a snapshot is 100000", noReason},
	{"10^6 sections", func(a *agent) error {
		request := a.deltaRequest("disks", `{"name":"x"}`)
		request.Sections = make([]*syncv1.SectionDelta, 1_000_000)
		for i := range request.Sections {
			request.Sections[i] = &syncv1.SectionDelta{}
		}
		_, err := a.client.PushDelta(a.ctx(), request)
		return err
	}, connect.CodeResourceExhausted, "and 10000 messages inside it", noReason},
	{"1,000 sections", func(a *agent) error {
		request := a.deltaRequest("disks", `{"name":"x"}`)
		for i := range 1000 {
			request.Sections = append(request.Sections, &syncv1.SectionDelta{Kind: fmt.Sprintf("kind_%d", i)})
		}
		_, err := a.client.PushDelta(a.ctx(), request)
		return err
	}, connect.CodeResourceExhausted, "1001 sections, the limit is 256", noReason},
	{"more than a push may hold", func(a *agent) error {
		messages := []*syncv1.PushSectionsRequest{a.header(false)}
		for i := range 40 {
			body := fmt.Appendf(nil, `{"name":"%d%s"}`, i, strings.Repeat("x", 500_000))
			messages = append(messages, partOf(&syncv1.SectionPart{Kind: "disks", Digest: make([]byte, 16), Bodies: [][]byte{body}}))
		}
		_, err := a.client.PushAll(a.ctx(), messages)
		return err
	}, connect.CodeResourceExhausted, "more than 16777216 bytes in one push", noReason},
	{"message above its limit", delta("disks", []string{`{"name":"x"}`}, func(_ *syncv1.PushDeltaRequest, d *syncv1.SectionDelta) {
		d.Removed = make([]byte, 5<<20)
	}), connect.CodeResourceExhausted, "4194304", noReason},

	{"offer of a private kind", missing("disks", 1), connect.CodeInvalidArgument, "section disks: not a shared kind", noReason},
	{"offer of an unknown kind", missing("invented", 1), connect.CodeInvalidArgument, "section invented: not a shared kind", noReason},
	{"offer without a digest", func(a *agent) error {
		_, err := a.client.Missing(a.ctx(), &syncv1.MissingRequest{Sections: []*syncv1.OfferedSection{{Kind: "deb_packages"}}})
		return err
	}, connect.CodeInvalidArgument, "section deb_packages: digest of 0 bytes, want 32", noReason},
	{"no credential", uncredentialled(""), connect.CodeUnauthenticated, "", noReason},
	{"no machine credential", uncredentialled(auth.NewToken(auth.ServiceAccount)), connect.CodeUnauthenticated, "Invalid token.", noReason},
	{"unknown credential", uncredentialled(auth.NewMachineCredential()), connect.CodeUnauthenticated, "unknown or revoked machine credential: enrol again", noReason},
}

func parts(part func(int) *syncv1.SectionPart) func(*agent) error {
	return func(a *agent) error {
		messages := []*syncv1.PushSectionsRequest{a.header(false)}
		for i := range 10_000 {
			messages = append(messages, partOf(part(i)))
		}
		_, err := a.client.PushAll(a.ctx(), messages)
		return err
	}
}

// missing offers n ids.
func missing(kind string, n int) func(*agent) error {
	return func(a *agent) error {
		ids := make([]byte, 0, 16*n)
		for i := range n {
			ids = fmt.Appendf(ids, "%016d", i)
		}
		_, err := a.client.Missing(a.ctx(), &syncv1.MissingRequest{
			Sections: []*syncv1.OfferedSection{{Kind: kind, Digest: make([]byte, 32), Ids: ids}},
		})
		return err
	}
}

// otherKind offers an asset of deb_packages as one of rpm_packages, then pushes it as that.
func otherKind(a *agent) error {
	part := whole("deb_packages", packages)
	_, err := a.client.Missing(a.ctx(), &syncv1.MissingRequest{
		Sections: []*syncv1.OfferedSection{{Kind: "rpm_packages", Digest: make([]byte, 32), Ids: part.GetIds()}},
	})
	if got := refusalOf(err); err == nil || !strings.Contains(got.message, "is of kind deb_packages") {
		return fmt.Errorf("offer of another kind's asset: %w", err)
	}
	part.Kind, part.Bodies = "rpm_packages", nil
	_, err = a.client.PushAll(a.ctx(), []*syncv1.PushSectionsRequest{a.header(false), partOf(part)})
	return err
}

func uncredentialled(credential string) func(*agent) error {
	return func(a *agent) error {
		_, err := a.client.CheckIn(withCredential(context.Background(), credential), a.checkInRequest(false))
		return err
	}
}

func TestHostileCallsAreRefusedAndChangeNothing(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world, c client) {
		a := enrolled(t, c, "M-1")
		a.current()
		before := w.content()
		for _, h := range hostileCalls {
			x := a.copied()
			x.instance = a.instance
			err := h.call(x)
			t.Run(h.name, func(t *testing.T) {
				wantRefusal(t, err, h.code, h.message, h.reason)
				if after := w.content(); after != before {
					t.Errorf("changed\n%s\ninto\n%s", before, after)
				}
			})
		}
		a.current()
		a.pushDelta("deb_packages", newPackages...)
		a.current()
		w.fsck()
	})
}

func TestMachineComesFromTheCredential(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world, c client) {
		a, b := enrolled(t, c, "M-1"), enrolled(t, c, "M-2")
		heads := "SELECT md5(string_agg(x, '')) FROM (SELECT h::text || s::text FROM head h JOIN head_section s ON s.head = h.id JOIN machine m ON m.id = h.machine WHERE m.serial_number = 'M-1' ORDER BY s.kind) AS rows (x)"
		var before, after string
		row := func(into *string) {
			if err := w.aggregators[0].pool.QueryRow(context.Background(), heads).Scan(into); err != nil {
				t.Fatal(err)
			}
		}
		row(&before)
		// b sends what a would: a's bases, and a system_info that says it is a.
		as := a.copied()
		as.instance, as.counter, as.credential, as.evidence = b.instance, b.counter, b.credential, b.evidence
		as.sections["system_info"] = []string{`{"computer_name":"m-1","hardware_serial":"M-1"}`}
		as.pushAll(false)
		as.pushDelta("disks", `{"name":"stolen"}`)
		as.current()
		if row(&after); after != before {
			t.Error("the head of M-1 changed")
		}
		head := must(w.FindHead(t.Context(), "M-2", "rollcall"))(t)
		if root := snapshot.Root(as.digests()); head.ID == 0 || w.count("SELECT count(*) FROM head WHERE id = $1 AND root = $2", head.ID, root[:]) != 1 {
			t.Error("the head of M-2 is not what its credential pushed")
		}
		a.current()
		w.fsck()
	})
}
