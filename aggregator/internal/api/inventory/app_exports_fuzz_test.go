// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
)

// FuzzAppReport reads bodies of app reports: whatever is taken is within its bounds.
func FuzzAppReport(f *testing.F) {
	for _, body := range []string{
		``, `{}`, `{"display_name":"Chrome"}`, `{"bundle":"x","bundle_name":"1Password","last_seen":"14d","source":4641}`,
		`{"name":"1Password","export_format":"csv","order":"mc-d"}`, `{"source":"9223372036854775808"}`, `{"name":["x"]}`, `{"last_seen":{}}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		decoded, err := drf.Decode(httptest.NewRecorder(), r)
		if err != nil {
			return
		}
		report, err := readAppReport(decoded, []string{"name", "bundle", "bundle_name"})
		if err != nil {
			return
		}
		if utf8.RuneCountInString(report.Search) > 64 || report.Source < 0 || report.Format != "csv" && report.Format != "xlsx" {
			t.Errorf("taken: %+v", report)
		}
	})
}
