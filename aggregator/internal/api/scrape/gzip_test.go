// SPDX-License-Identifier: Apache-2.0

//go:build unix

package scrape_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/metrics"
)

func TestAnswersAreCompressedForWhoTakesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, metrics.FleetOptions{Config: documented})
	w.fill()
	const path = "/metrics/inventory/"
	plain := w.scrape(path)
	for accepts, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "deflate, gzip;q=0.5": true, "gzip;q=1": true, "deflate": false, "gzip;q=0": false, "gzip; q=0.0": false, "gzip;q=x": false, "gzipped": false,
	} {
		req := apitest.Request(t, http.MethodGet, path, nil)
		req.Header.Set("Authorization", "Bearer "+apitest.MetricsToken)
		req.Header.Set("Accept-Encoding", accepts)
		a := w.Send(req).Want(http.StatusOK)
		body := a.Body
		if got := a.Header.Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("%q: compressed: %v, want %v", accepts, got, want)
		} else if got {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if len(body) > len(plain)/5 {
				t.Errorf("%d of %d bytes are left", len(body), len(plain))
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if string(body) != plain {
			t.Errorf("%q: got\n%s", accepts, body)
		}
	}
}
