// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// receiver is somebody else's end of a webhook. It verifies signatures as Standard Webhooks describes them, and fails as
// often as it is told: half of those times before it has taken the event in, and half of them after.
type receiver struct {
	t       testing.TB
	url     string
	failing float64 // share of the requests

	mu     sync.Mutex
	secret string
	random *rand.Rand
	seen   map[string]bool
	first  []received // each event once, as it came first
	calls  int
}

// received is an event as a receiver reads it.
type received struct {
	ID      string
	Serial  string
	Type    string
	Payload map[string]any // without _zentral
	Meta    map[string]any // _zentral
}

func newReceiver(t testing.TB, secret string, failing float64, seed uint64) *receiver {
	t.Helper()
	r := &receiver{t: t, secret: secret, failing: failing, random: rand.New(rand.NewPCG(seed, 7)), seen: map[string]bool{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL + "/hook"
	return r
}

// trust makes the receiver verify with a secret that it learns later.
func (r *receiver) trust(secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secret = secret
}

// ServeHTTP takes an event in.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender was killed
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	fate := r.random.Float64()
	if fate < r.failing/2 {
		http.Error(w, "try again", http.StatusInternalServerError)
		return
	}
	if err := r.take(req.Header, body); err != nil {
		r.t.Errorf("webhook: %v\n%s", err, body)
	}
	if fate < r.failing {
		http.Error(w, "taken in, but not told so", http.StatusBadGateway)
	}
}

func (r *receiver) take(header http.Header, body []byte) error {
	id, at := header.Get("Webhook-Id"), header.Get("Webhook-Timestamp")
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.secret, "whsec_"))
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, at, body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if !slices.Contains(strings.Fields(header.Get("Webhook-Signature")), want) {
		return fmt.Errorf("signature %q, want %q", header.Get("Webhook-Signature"), want)
	}
	var message struct {
		Type string         `json:"type"`
		Data map[string]any `json:"data"`
	}
	if err := json.Unmarshal(body, &message); err != nil {
		return err
	}
	e, err := readEvent(message.Data)
	if err != nil {
		return err
	}
	if e.ID != id || e.Type != message.Type {
		return fmt.Errorf("event %s of type %s came as %s of type %s", e.ID, e.Type, id, message.Type)
	}
	if !r.seen[id] {
		r.seen[id] = true
		r.first = append(r.first, e)
	}
	return nil
}

// readEvent takes an event apart.
func readEvent(event map[string]any) (received, error) {
	meta, ok := event["_zentral"].(map[string]any)
	if !ok {
		return received{}, fmt.Errorf("no _zentral in %v", event)
	}
	payload := map[string]any{}
	for key, value := range event {
		if key != "_zentral" {
			payload[key] = value
		}
	}
	e := received{ID: fmt.Sprintf("%v:%v", meta["id"], meta["index"]), Payload: payload, Meta: meta}
	e.Type, _ = meta["type"].(string)
	e.Serial, _ = meta["machine_serial_number"].(string)
	return e, nil
}

// events returns what came so far, each event once.
func (r *receiver) events() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.first)
}
