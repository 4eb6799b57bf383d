// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// SecretPrefix begins every secret, as Standard Webhooks spells them.
const SecretPrefix = "whsec_"

// NewSecret draws a secret.
func NewSecret() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // it never fails
	return SecretPrefix + base64.StdEncoding.EncodeToString(raw)
}

// TestType is the type of the event that Test sends. No filter matters to it.
const TestType = "probe_test"

// Answer is what a receiver said to a test.
type Answer struct {
	Delivered bool
	Status    int    // of HTTP; 0: there was no answer
	Error     string // empty: there is none
	Took      time.Duration
}

// Test sends a receiver one signed event, once.
func Test(ctx context.Context, p *store.Probe) Answer {
	d := probed(p, config.Sink{})
	client := newClient(&d)
	defer client.CloseIdleConnections()
	payload, err := json.Marshal(map[string]probeReference{"probe": {p.ID, p.Name}})
	if err != nil {
		return Answer{Error: err.Error()}
	}
	begun := time.Now()
	e := event.Event{Batch: uuid.New(), Type: TestType, Namespace: "probe", At: begun, Payload: payload}
	got := post(ctx, client, &d, &message{event: &e}, begun)
	answer := Answer{Delivered: got.ok(), Status: got.status, Took: time.Since(begun)}
	if !got.ok() {
		answer.Error = got.Error()
	}
	return answer
}
