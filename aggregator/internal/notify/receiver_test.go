// SPDX-License-Identifier: Apache-2.0

package notify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// delivery is one attempt as the receiver sees it.
type delivery struct {
	ID     string
	Type   string          `json:"type"`
	At     time.Time       `json:"timestamp"`
	Data   json.RawMessage `json:"data"`
	Serial string          // of the machine
	N      int             // of the payload
	Status int             // how it was answered
}

// receiver is somebody else's end of a webhook. It holds every signature against its secrets, without our code.
type receiver struct {
	t      *testing.T
	server *httptest.Server
	answer func(w http.ResponseWriter, d *delivery) int // nil: 204

	mu      sync.Mutex
	secrets []string // all of them have to have signed
	all     []delivery
}

func newReceiver(t *testing.T, answer func(http.ResponseWriter, *delivery) int) *receiver {
	t.Helper()
	r := &receiver{t: t, answer: answer, secrets: []string{secret}}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender was stopped
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verify(req.Header, body)
	d := delivery{ID: req.Header.Get("Webhook-Id"), Status: http.StatusNoContent, N: -1}
	var envelope struct {
		Zentral struct {
			ID     string `json:"id"`
			Index  int    `json:"index"`
			Serial string `json:"machine_serial_number"`
		} `json:"_zentral"`
	}
	if err := json.Unmarshal(body, &d); err != nil {
		r.t.Errorf("body %s: %v", body, err)
	}
	if err := json.Unmarshal(d.Data, &envelope); err != nil {
		r.t.Errorf("data %s: %v", d.Data, err)
	}
	if want := fmt.Sprintf("%s:%d", envelope.Zentral.ID, envelope.Zentral.Index); d.ID != want {
		r.t.Errorf("webhook-id %s of event %s", d.ID, want)
	}
	d.Serial, d.N = envelope.Zentral.Serial, numberOf(d.Data)
	if r.answer != nil {
		d.Status = r.answer(w, &d)
	}
	r.all = append(r.all, d)
	w.WriteHeader(d.Status)
}

// verify needs the lock.
func (r *receiver) verify(h http.Header, body []byte) {
	signatures := strings.Split(h.Get("Webhook-Signature"), " ")
	if len(signatures) != len(r.secrets) {
		r.t.Errorf("%d signatures, want %d", len(signatures), len(r.secrets))
		return
	}
	for i, s := range r.secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
		if err != nil {
			r.t.Error(err)
		}
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", h.Get("Webhook-Id"), h.Get("Webhook-Timestamp"), body)
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); signatures[i] != want {
			r.t.Errorf("signature %d is %s, want %s", i, signatures[i], want)
		}
	}
}

// expect changes the secrets that have to sign.
func (r *receiver) expect(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = secrets
}

// attempts returns everything that came.
func (r *receiver) attempts() []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]delivery{}, r.all...)
}

// taken returns what was answered with success.
func (r *receiver) taken() []delivery {
	var out []delivery
	for _, d := range r.attempts() {
		if d.Status < 300 {
			out = append(out, d)
		}
	}
	return out
}
