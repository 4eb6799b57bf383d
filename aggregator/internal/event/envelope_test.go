// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestEnvelope(t *testing.T) {
	t.Parallel()
	batch := uuid.MustParse("5e0c1f57-7d0b-5f6e-9a41-6d0f0f4b2a9e")
	at := time.Date(2026, 5, 6, 7, 8, 9, 100_000_000, time.UTC)
	tests := []struct {
		name  string
		event Event
		want  string
	}{
		{
			name: "all there is", event: Event{
				Batch: batch, Index: 2, Type: "inventory_heartbeat", Namespace: "inventory", Tags: []string{"machine", "heartbeat", "machine"},
				At: at, Naive: true, SerialNumber: "C02AAA", Machine: json.RawMessage(`{"platform":"MACOS"}`),
				Objects: map[string][]string{"tag": {"7"}, "check": {"1", "2"}}, Request: json.RawMessage(`{"method":"POST"}`),
				Payload: json.RawMessage(`{"source":{"module":"m","name":"s"}}`), Source: "s", Platform: "MACOS", MachineTags: []int64{3},
			},
			want: `{"source":{"module":"m","name":"s"},"_zentral":{"created_at":"2026-05-06T07:08:09.100000",` +
				`"id":"5e0c1f57-7d0b-5f6e-9a41-6d0f0f4b2a9e","index":2,"type":"inventory_heartbeat","namespace":"inventory",` +
				`"tags":["heartbeat","machine"],"request":{"method":"POST"},"machine_serial_number":"C02AAA",` +
				`"machine":{"platform":"MACOS"},"objects":{"check":["1","2"],"tag":["7"]}}}`,
		},
		{
			name: "nothing but what must be", event: Event{
				Batch: batch, Type: "munki_request", Namespace: "munki_request", At: at.Truncate(time.Second).In(time.FixedZone("", 3600)),
				Payload: json.RawMessage(" {} \n"),
			},
			want: `{"_zentral":{"created_at":"2026-05-06T07:08:09+00:00","id":"5e0c1f57-7d0b-5f6e-9a41-6d0f0f4b2a9e",` +
				`"index":0,"type":"munki_request","namespace":"munki_request"}}`,
		},
		{
			name: "no payload, and text of other people", event: Event{
				Batch: batch, Type: "x", Namespace: "x", At: at.Add(250 * time.Nanosecond), SerialNumber: "a<\"b\">é",
			},
			want: `{"_zentral":{"created_at":"2026-05-06T07:08:09.100000+00:00","id":"5e0c1f57-7d0b-5f6e-9a41-6d0f0f4b2a9e",` +
				`"index":0,"type":"x","namespace":"x","machine_serial_number":"a<\"b\">é"}}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := string(test.event.AppendJSON([]byte("before")))
			if got != "before"+test.want {
				t.Errorf("got  %s\nwant before%s", got, test.want)
			}
			if !json.Valid([]byte(test.want)) {
				t.Errorf("not JSON: %s", test.want)
			}
		})
	}
	if id := (&Event{Batch: batch, Index: 7}).ID(); id != batch.String()+":7" {
		t.Errorf("id %s", id)
	}
}
