// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestOldConnectionsAreRetired(t *testing.T) {
	t.Parallel()
	fresh := born(t.Context(), nil)
	old := context.WithValue(t.Context(), retireKey{}, time.Now().Add(-time.Second))
	for ctx, want := range map[context.Context]string{fresh: "", old: "close", t.Context(): ""} {
		w := httptest.NewRecorder()
		retire(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
		if got := w.Header().Get("Connection"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	until, _ := fresh.Value(retireKey{}).(time.Time)
	if left := time.Until(until); left < connectionAge*8/10 || left > connectionAge*12/10 {
		t.Errorf("a new connection has %v", left)
	}
}

func TestConnectionsAndTheirBytesAreCounted(t *testing.T) {
	t.Parallel()
	r := start(t, "", "", hello(t))
	c := client(func(p *http.Protocols) { p.SetHTTP1(true) }, nil)
	get(t, c, r.url("http", "/hello"))
	numbers := r.listeners.HTTP.(*countedListener)
	if n := testutil.ToFloat64(numbers.open); n != 1 {
		t.Errorf("%v connections are open, want 1", n)
	}
	if in, out := testutil.ToFloat64(numbers.received), testutil.ToFloat64(numbers.sent); in < 50 || out < 50 {
		t.Errorf("got %v bytes and %v, want a request and an answer", in, out)
	}
	c.CloseIdleConnections()
	deadline := time.After(10 * time.Second)
	for testutil.ToFloat64(numbers.open) != 0 {
		select {
		case <-deadline:
			t.Fatal("the connection counts as open after its end")
		case <-time.After(5 * time.Millisecond):
		}
	}
}
