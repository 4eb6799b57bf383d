// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/ingest"
)

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
		<-tick.C
	}
}

// untilServed repeats a call as long as it is refused for want of room or of a database, and fails for any other error.
func untilServed(t *testing.T, call func() error) {
	t.Helper()
	eventually(t, "served", func() bool {
		err := call()
		if err == nil {
			return true
		}
		got := refusalOf(err)
		if got.detail.GetReason() != isBusy || got.detail.GetRetryMilliseconds() == 0 ||
			(got.code != connect.CodeResourceExhausted && got.code != connect.CodeUnavailable) {
			t.Fatalf("got %v %q %v, want BUSY", got.code, got.message, got.detail)
		}
		return false
	})
}

// TestCheckInsGoOnWhileFirstSnapshotsWait has commits stand still, as in a storm of first snapshots.
func TestCheckInsGoOnWhileFirstSnapshotsWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	service := w.aggregators[0].service
	known := enrolled(t, dialGRPC(t, w.aggregators[0].grpc), "KNOWN")
	known.current()
	const newcomers = 90 // 4 are written, 64 wait
	agents := make([]*agent, newcomers)
	for i := range agents {
		agents[i] = newAgent(t, doors[i%len(doors)].open(t, w.aggregators[0]), fmt.Sprintf("M-%03d", i))
		agents[i].enroll(secret)
	}
	tx := must(w.aggregators[0].pool.Begin(t.Context()))(t)
	must(tx.Exec(t.Context(), "LOCK change IN ACCESS EXCLUSIVE MODE"))(t)
	var group sync.WaitGroup
	var refused atomic.Int64
	for _, a := range agents {
		messages := a.messages(false)
		group.Go(func() {
			_, err := a.client.PushAll(a.ctx(), messages)
			if err != nil {
				refused.Add(1)
				got := wantRefusal(t, err, connect.CodeResourceExhausted, "too many calls at once", isBusy)
				if got.detail.GetRetryMilliseconds() < 1000 {
					t.Errorf("asked to wait for %d ms", got.detail.GetRetryMilliseconds())
				}
			}
		})
	}
	eventually(t, "the queue is full", func() bool {
		busy, waiting := service.Queued()
		return busy == 4 && waiting == 64 && refused.Load() == newcomers-68
	})
	for range 20 {
		known.current()
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	group.Wait()
	if got := w.count("SELECT count(*) FROM head"); got != 1+68 {
		t.Errorf("got %d heads, want %d", got, 1+68)
	}
	for _, a := range agents {
		untilServed(t, func() error { _, err := a.client.PushAll(a.ctx(), a.messages(false)); return err })
		a.current()
	}
	w.fsck()
}

// longPush is a message of nearly 4 MB.
var longPush = frame(0, make([]byte, 4<<20-100))

// slowly begins to send a push of nearly 4 MB and stops before its end.
func slowly(ctx context.Context, transport http.RoundTripper, url, contentType, credential string) error {
	body, feed := io.Pipe()
	go func() {
		_, _ = feed.Write(longPush[:len(longPush)-1]) // until somebody has enough
		<-ctx.Done()
		_ = feed.Close()
	}()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Te", "trailers")
	r.Header.Set("Authorization", "Bearer "+credential)
	response, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	return fmt.Errorf("%s %s %s", response.Trailer.Get("Grpc-Message"), response.Header.Get("Grpc-Message"), text) //nolint:err113 // what the sender was told
}

// TestSlowSendersCannotExhaustMemory has 500 of them at each door.
func TestSlowSendersCannotExhaustMemory(t *testing.T) {
	for name, door := range map[string]struct {
		url         func(*aggregator) string
		contentType string
	}{
		"native gRPC": {func(a *aggregator) string { return "http://" + a.grpc }, "application/grpc"},
		"Connect":     {func(a *aggregator) string { return a.http }, "application/connect+proto"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			a := w.aggregators[0]
			good := enrolled(t, dialGRPC(t, a.grpc), "GOOD")
			a.service.SetStalled(200 * time.Millisecond)
			const each, senders = 4, 500
			ctx, cancel := context.WithCancel(t.Context())
			var group sync.WaitGroup
			defer group.Wait()
			defer cancel()
			var told atomic.Int64
			before := heap()
			for i := range senders / each {
				x := newAgent(t, good.client, fmt.Sprintf("SLOW-%03d", i))
				x.enroll(secret)
				transport := &http.Transport{Protocols: new(http.Protocols)}
				transport.Protocols.SetUnencryptedHTTP2(true)
				defer transport.CloseIdleConnections()
				for range each {
					group.Go(func() {
						err := slowly(ctx, transport, door.url(a)+service+"PushSections", door.contentType, x.credential)
						if strings.Contains(err.Error(), "the message came too slowly") || strings.Contains(err.Error(), "deadline exceeded") {
							told.Add(1)
						}
					})
				}
			}
			eventually(t, "all places are taken", func() bool { return a.service.Receiving() == ingest.LargeIntake })
			if grown := heap() - before; grown > 400<<20 {
				t.Errorf("the heap grew by %d MB", grown>>20)
			} else {
				t.Logf("the heap grew by %d MB", grown>>20)
			}
			for range 10 {
				good.current() // check-ins are received elsewhere
			}
			request := good.deltaRequest("disks", `{"name":"x"}`)
			untilServed(t, func() error { _, err := good.client.PushDelta(good.ctx(), request); return err })
			if told.Load() == 0 {
				t.Error("no slow sender was told why it was cut off")
			}
			good.current()
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestAProxyIsNotTheMachine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	for _, test := range []struct{ forwarded, ip, native string }{
		{"", "127.0.0.1", ":8481"},
		{"192.0.2.7", "192.0.2.7", ""}, // nothing native listens at the proxy
	} {
		forward := connect.WithInterceptors(connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
			return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
				if test.forwarded != "" {
					r.Header().Set("X-Forwarded-For", test.forwarded)
				}
				return next(ctx, r)
			}
		}))
		a := newAgent(t, connectTo(t, w.aggregators[0].http, false, forward), "M-"+test.ip)
		answer := must(a.client.Enroll(a.ctx(), a.enrollRequest(secret)))(t)
		if got := answer.GetGrpcAddress(); got != test.native {
			t.Errorf("forwarded for %q: announced %q, want %q", test.forwarded, got, test.native)
		}
		a.credential = answer.GetCredential()
		a.pushAll(false) // streams are not forwarded here
		a.pushDelta("disks", `{"name":"x"}`)
		head := must(w.FindHead(t.Context(), "M-"+test.ip, "rollcall"))(t)
		at := must(w.SectionsAt(t.Context(), head.ID, time.Now().Add(time.Minute)))(t)
		if got := commit.AddedOf(at.Sections).PublicIP; got != test.ip {
			t.Errorf("forwarded for %q: public address %s, want %s", test.forwarded, got, test.ip)
		}
	}
}
