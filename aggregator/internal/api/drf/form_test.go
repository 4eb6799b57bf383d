// SPDX-License-Identifier: Apache-2.0

package drf_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
)

func decodeForm(t testing.TB, contentType, body string) (*drf.Object, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return drf.DecodeForm(httptest.NewRecorder(), r)
}

const multipartForm = "multipart/form-data; boundary=b"

func TestFormsAreObjects(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, contentType, body string
		want                    int64
		given                   bool
	}{
		{"urlencoded", "application/x-www-form-urlencoded", "days=7&other=x", 7, true},
		{"the last value counts", "application/x-www-form-urlencoded; charset=utf-8", "days=7&days=8", 8, true},
		{"an empty value is none", "application/x-www-form-urlencoded", "days=", 0, false},
		{"multipart", multipartForm, "--b\r\nContent-Disposition: form-data; name=\"days\"\r\n\r\n9\r\n--b--\r\n", 9, true},
		{"JSON all the same", "application/json", `{"days":10}`, 10, true},
		{"nothing", "", "", 0, false},
	} {
		o, err := decodeForm(t, test.contentType, test.body)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		days, given := o.Int("days", drf.Int{Optional: true})
		if days != test.want || given != test.given || o.Err() != nil {
			t.Errorf("%s: got %d, %t, %v", test.name, days, given, o.Err())
		}
	}
}

// FuzzForm finds out whether some form does anything but give an object or a 400.
func FuzzForm(f *testing.F) {
	f.Add("application/x-www-form-urlencoded", "days=7&days=%00")
	f.Add(multipartForm, "--b\r\nContent-Disposition: form-data; name=\"days\"; filename=\"f\"\r\n\r\n9\r\n--b--\r\n")
	f.Add("multipart/form-data", "--b")
	f.Add("application/json", `{"days":1}`)
	f.Fuzz(func(t *testing.T, contentType, body string) {
		if len(body) > 1<<16 || strings.ContainsAny(contentType, "\r\n") {
			return
		}
		o, err := decodeForm(t, contentType, body)
		if err != nil {
			var p *api.Problem
			if !errors.As(err, &p) || p.Status >= http.StatusInternalServerError {
				t.Errorf("got %v, want a refusal", err)
			}
			return
		}
		o.Int("days", drf.Int{Optional: true, Min: 1, Max: 3660})
		o.Texts("serial_numbers", drf.List{Optional: true})
		_ = o.Err()
	})
}
