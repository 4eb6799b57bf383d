// SPDX-License-Identifier: Apache-2.0

package scrape

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/metrics"
)

// answer writes metrics, compressed for those who take it, as Prometheus does: most of a line is that of the one before.
func answer(w http.ResponseWriter, r *http.Request, body []byte) error {
	w.Header().Set("Content-Type", metrics.ContentType)
	w.Header().Set("Vary", "Accept-Encoding")
	if takesGzip(r.Header) {
		var err error
		if body, err = compressed(body); err != nil {
			return err
		}
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, err := w.Write(body)
	return err
}

// takesGzip tells whether a client names gzip and does not refuse it. What it likes best does not matter.
func takesGzip(h http.Header) bool {
	for coding := range strings.SplitSeq(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		name, parameter, _ := strings.Cut(coding, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		quality, given := strings.CutPrefix(strings.TrimSpace(parameter), "q=")
		q, err := strconv.ParseFloat(quality, 64)
		return !given || err == nil && q > 0
	}
	return false
}

func compressed(body []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(body); err != nil {
		return nil, err
	}
	err = z.Close()
	return out.Bytes(), err
}
