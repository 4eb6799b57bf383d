// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

const (
	// hostileFor is how long the attackers go on.
	hostileFor = 10 * time.Second
	// attackers is how many there are on each listener.
	attackers = 4
	// maxResident is what the aggregator's process may ever have in memory.
	maxResident = 300 << 20
)

// TestHostilePushesKeepMemoryBounded lets agents with good credentials push everything that an agent must not, over both
// listeners at the same time. None of it is committed, the process stays small, and an honest agent is served afterwards.
func TestHostilePushesKeepMemoryBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--log-level", "warn")
	secret := s.must("enrollment", "create", "--name", "test")
	h := &hostility{site: s, token: s.must("token", "create", "--name", "test", "--role", "admin"), bomb: bomb(t), seen: map[string]int{}}
	honest := newEndpoint(t, 200)
	honest.enroll(s.url, secret)
	before := honest.mustOnce()
	atRest := resident(t, s.pid())

	ctx, cancel := context.WithTimeout(t.Context(), hostileFor)
	defer cancel()
	var wait sync.WaitGroup
	for i := range 2 * attackers {
		a := newAttacker(t, h, secret, i%2 == 0)
		wait.Go(func() { a.attack(ctx, i) })
	}
	wait.Wait()
	peak := resident(t, s.pid())
	t.Logf("resident: %d MB at rest, %d MB at most; answers: %v", atRest>>20, peak>>20, h.seen)
	if peak >= maxResident {
		t.Errorf("the process had %d MB in memory, the limit is %d", peak>>20, maxResident>>20)
	}
	for _, problem := range h.problems {
		t.Error(problem)
	}
	if after := honest.mustOnce(); after.Outcome != "current" || after.Root != before.Root {
		t.Errorf("an honest agent afterwards: %+v, before: %+v", after, before)
	}
	if out, err := s.run("fsck"); err != nil {
		t.Errorf("fsck: %v\n%s", err, out)
	}
}

// hostility is what all attackers share.
type hostility struct {
	site  *site
	token string
	bomb  []byte // little that decompresses to much

	mu       sync.Mutex
	seen     map[string]int // answers by attack and code
	problems []string
}

// book notes an answer. What is hostile gets one of its codes, or the advice to come back later when there is no room.
func (h *hostility) book(one attack, err error) {
	code := "ok"
	if err != nil {
		code = connect.CodeOf(err).String()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen[code]++
	if code == connect.CodeResourceExhausted.String() || slices.Contains(one.codes, code) {
		return
	}
	if problem := fmt.Sprintf("%s: answered %s (%v), want %v", one.name, code, err, one.codes); !slices.Contains(h.problems, problem) {
		h.problems = append(h.problems, problem)
	}
}

// attack tries everything in turn until ctx ends.
func (a *attacker) attack(ctx context.Context, first int) {
	all := a.attacks()
	for i := first; ctx.Err() == nil; i++ {
		one := all[i%len(all)]
		err := one.try(ctx)
		if ctx.Err() == nil {
			a.hostility.book(one, err)
		}
	}
}

// attack is one thing that an agent must not do.
type attack struct {
	name  string
	try   func(context.Context) error
	codes []string // expected beside resource_exhausted
}

func (a *attacker) attacks() []attack {
	const body = `{"name":"sda","size":1}`
	deep := strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000)
	invalid, base := []string{"invalid_argument"}, []string{"failed_precondition"}
	adding := func(bodies ...string) func(*syncv1.SectionDelta) {
		return func(d *syncv1.SectionDelta) {
			for _, body := range bodies {
				d.Added = append(d.Added, []byte(body))
			}
		}
	}
	return []attack{
		{"wrong digest", a.delta(adding(body)), invalid},
		{"added twice", a.delta(adding(body, body)), invalid},
		{"removed while absent", a.delta(func(d *syncv1.SectionDelta) { d.Removed = randomBytes(16) }), invalid},
		{"unknown base", a.delta(func(d *syncv1.SectionDelta) { d.Base = randomBytes(16) }), base},
		{"deep body", a.delta(adding(deep)), invalid},
		{"NUL", a.delta(adding(`{"name":"\u0000","size":1}`)), invalid},
		{"raw NUL", a.delta(adding("{\"name\":\"\x00\"}")), invalid},
		{"invalid UTF-8", a.delta(adding("{\"name\":\"\xff\"}")), invalid},
		{"a million empty bodies", a.delta(func(d *syncv1.SectionDelta) { d.Added = make([][]byte, 1_000_000) }), nil},
		{"a million assets", a.millionIDs, nil},
		{"too large a push", a.stream(20, largePart, false), nil},
		{"large push with a wrong root", a.stream(4, largePart, false), invalid},
		{"large push, never finished", a.stream(4, largePart, true), []string{"deadline_exceeded", "canceled"}},
		{"large question", a.largeQuestion, []string{"ok"}}, // greedy, and within the limits
		{"bomb over Connect", a.connectBomb, nil},
		{"bomb over gRPC", a.grpcBomb, nil},
		{"too large a tree", a.largeTree(60 << 20), invalid},
		{"large tree that is cut off", a.largeTree(9 << 20), invalid},
		{"deep tree", a.deepTree, invalid},
	}
}

// delta returns an attack by a delta of the disks.
func (a *attacker) delta(change func(*syncv1.SectionDelta)) func(context.Context) error {
	return func(ctx context.Context) error {
		d := &syncv1.SectionDelta{Kind: "disks", Digest: randomBytes(16)}
		change(d)
		_, err := a.service.PushDelta(ctx, &syncv1.PushDeltaRequest{
			Stamp: a.stamp(), Root: randomBytes(32), Sections: []*syncv1.SectionDelta{d},
		})
		return err
	}
}

// stream returns an attack by parts behind a header; held ones wait until they are thrown out.
func (a *attacker) stream(parts int, part func(i int) *syncv1.SectionPart, hold bool) func(context.Context) error {
	return func(ctx context.Context) error {
		if hold {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
		}
		out, err := a.service.PushSections(ctx)
		if err != nil {
			return err
		}
		header := &syncv1.PushHeader{Stamp: a.stamp(), Root: randomBytes(32)}
		err = out.Send(&syncv1.PushSectionsRequest{Part: &syncv1.PushSectionsRequest_Header{Header: header}})
		for i := 0; i < parts && err == nil; i++ {
			err = out.Send(&syncv1.PushSectionsRequest{Part: &syncv1.PushSectionsRequest_Section{Section: part(i)}})
		}
		if hold && err == nil {
			<-ctx.Done()
		}
		_, err = out.CloseAndReceive()
		return err
	}
}

func (a *attacker) millionIDs(ctx context.Context) error {
	const each = 200_000
	return a.stream(5, func(i int) *syncv1.SectionPart {
		return &syncv1.SectionPart{Kind: "deb_packages", Digest: randomBytes(16), Ids: ascendingIDs(i*each, each)}
	}, false)(ctx)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// ascendingIDs returns ids as the wire has them.
func ascendingIDs(first, count int) []byte {
	ids := make([]byte, 0, count*16)
	for i := range count {
		ids = binary.BigEndian.AppendUint64(ids, uint64(first+i))
		ids = append(ids, make([]byte, 8)...)
	}
	return ids
}

// largePart is three megabytes of bodies that are in order.
func largePart(i int) *syncv1.SectionPart {
	part := &syncv1.SectionPart{Kind: "disks", Digest: randomBytes(16)}
	filler := strings.Repeat("x", 1000)
	for j := range 3000 {
		part.Bodies = append(part.Bodies, fmt.Appendf(nil, `{"label":"%s","name":"disk-%d-%d","size":1}`, filler, i, j))
	}
	return part
}

// largeQuestion asks for as many assets as a snapshot may have, none of which anybody knows.
func (a *attacker) largeQuestion(ctx context.Context) error {
	const most = 100_000
	_, err := a.service.Missing(ctx, &syncv1.MissingRequest{Sections: []*syncv1.OfferedSection{
		{Kind: "deb_packages", Digest: randomBytes(32), Ids: ascendingIDs(0, most)},
	}})
	return err
}

func (a *attacker) connectBomb(ctx context.Context) error {
	return a.post(ctx, a.plain, "/rollcall.sync.v1.SyncService/PushDelta", bytes.NewReader(a.hostility.bomb), map[string]string{
		"Content-Type": "application/proto", "Content-Encoding": "gzip", "Authorization": "Bearer " + a.credential,
	})
}

func (a *attacker) grpcBomb(ctx context.Context) error {
	frame := binary.BigEndian.AppendUint32([]byte{1}, uint32(len(a.hostility.bomb)))
	return a.post(ctx, a.http2, "/rollcall.sync.v1.SyncService/PushDelta", io.MultiReader(bytes.NewReader(frame), bytes.NewReader(a.hostility.bomb)),
		map[string]string{
			"Content-Type": "application/grpc", "Grpc-Encoding": "gzip", "Te": "trailers", "Authorization": "Bearer " + a.credential,
		})
}

func (a *attacker) largeTree(bytes int64) func(context.Context) error {
	row := []byte(`{"name":"x","version":"1"},`)
	return func(ctx context.Context) error {
		return a.post(ctx, a.plain, "/api/v1/snapshots", io.MultiReader(
			strings.NewReader(`{"source":{"module":"m","name":"n"},"serial_number":"LARGE","deb_packages":[`),
			io.LimitReader(repeated(row), bytes)), a.door())
	}
}

func (a *attacker) deepTree(ctx context.Context) error {
	return a.post(ctx, a.plain, "/api/v1/snapshots", io.MultiReader(
		strings.NewReader(`{"source":{"module":"m","name":"n"},"serial_number":"DEEP","extra_facts":`),
		io.LimitReader(repeated([]byte(`{"a":`)), 3<<20)), a.door())
}

func (a *attacker) door() map[string]string {
	return map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + a.hostility.token}
}

// repeated is an endless reader.
type repeated []byte

func (r repeated) Read(p []byte) (int, error) {
	n := 0
	for n+len(r) <= len(p) {
		n += copy(p[n:], r)
	}
	if n == 0 {
		n = copy(p, r)
	}
	return n, nil
}

// post sends raw bytes; a refusal comes back as an error with its code.
func (a *attacker) post(ctx context.Context, client *http.Client, path string, body io.Reader, headers map[string]string) error {
	url := a.hostility.site.url
	if client == a.http2 {
		url = "http://" + a.hostility.site.grpc
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+path, body)
	if err != nil {
		return err
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return connect.NewError(connect.CodeResourceExhausted, err) // refused while it was still sending
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 1000)) // only for the message
	status := response.Trailer.Get("Grpc-Status") + response.Header.Get("Grpc-Status")
	switch code, _ := strconv.Atoi(status); {
	case status != "" && code != 0:
		return connect.NewError(connect.Code(code), errors.New(response.Trailer.Get("Grpc-Message")))
	case response.StatusCode == http.StatusTooManyRequests, response.StatusCode == http.StatusServiceUnavailable:
		return connect.NewError(connect.CodeResourceExhausted, fmt.Errorf("%s: %s", response.Status, text))
	case response.StatusCode >= http.StatusInternalServerError:
		return connect.NewError(connect.CodeInternal, fmt.Errorf("%s: %s", response.Status, text))
	case response.StatusCode != http.StatusOK:
		return connect.NewError(connect.CodeInvalidArgument, fmt.Errorf("%s: %s", response.Status, text))
	}
	return nil
}

// bomb returns a megabyte that decompresses to a gigabyte.
func bomb(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = io.CopyN(w, repeated(make([]byte, 4096)), 1<<30)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// resident returns the most memory that a process ever had, in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(raw), "\n") {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kilobytes << 10
		}
	}
	t.Fatal("no VmHWM in /proc")
	return 0
}
