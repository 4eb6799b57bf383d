// SPDX-License-Identifier: Apache-2.0

//go:build unix

package endtoend_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// fate is what happens to one request and its answer.
type fate string

const (
	delivered     fate = "delivered"
	lost          fate = "lost"                // the request
	answerLost    fate = "answer lost"         // the request arrived
	delayed       fate = "delayed"             // the sender gives up; it may arrive later
	twice         fate = "delivered twice"     // the sender sees the second answer
	copyDelayed   fate = "copy delayed"        // delivered, and it may arrive again
	answerAndCopy fate = "answer lost, copied" // arrived, unanswered, and it may arrive again
)

var fates = []fate{delivered, delivered, delivered, delivered, lost, answerLost, delayed, twice, copyDelayed, answerAndCopy}

// push names what a request commits; the zero push commits nothing.
type push struct {
	serial   string
	instance string
	counter  uint64
	root     asset.Digest
}

// message is a request on the wire.
type message struct {
	url    string
	header http.Header
	body   []byte
	push   push
}

// network carries requests to the two handlers and books what they accepted.
type network struct {
	handlers [2]http.Handler
	held     []*message // may still arrive

	mu       sync.Mutex
	accepted []push
}

// deliver hands a message to a handler and returns the answer. Messages may be delivered at the same time.
func (n *network) deliver(m *message, handler int) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, m.url, bytes.NewReader(m.body))
	request.Header = m.header.Clone()
	recorder := httptest.NewRecorder()
	n.handlers[handler].ServeHTTP(recorder, request)
	if m.push != (push{}) && committed(recorder) {
		n.mu.Lock()
		n.accepted = append(n.accepted, m.push)
		n.mu.Unlock()
	}
	return recorder
}

// committed tells whether the answer to a push is a yes. A stream that was refused has an end and no message.
func committed(answer *httptest.ResponseRecorder) bool {
	if answer.Header().Get("Content-Type") != "application/connect+proto" {
		return answer.Code == http.StatusOK
	}
	const endOfStream = 2
	body := answer.Body.Bytes()
	return len(body) > 0 && body[0]&endOfStream == 0
}

// takeHeld removes a held message.
func (n *network) takeHeld(i int) *message {
	m := n.held[i]
	n.held = slices.Delete(n.held, i, i+1)
	return m
}

var errNoAnswer = errors.New("no answer")

// wire is one agent's way into the network. What its next request is, and what becomes of it, is set before each call.
type wire struct {
	network *network
	disk    *disk // holds the credential
	handler int
	fate    fate
	push    push
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	if w.disk.credential != "" {
		request.Header.Set("Authorization", "Bearer "+w.disk.credential)
	}
	m := &message{url: request.URL.String(), header: request.Header.Clone(), body: body, push: w.push}
	if w.fate == delayed || w.fate == copyDelayed || w.fate == answerAndCopy {
		w.network.held = append(w.network.held, m)
	}
	if w.fate == lost || w.fate == delayed {
		return nil, errNoAnswer
	}
	answer := w.network.deliver(m, w.handler)
	switch w.fate {
	case twice:
		return w.network.deliver(m, 1-w.handler).Result(), nil
	case answerLost, answerAndCopy:
		return nil, errNoAnswer
	default:
		return answer.Result(), nil
	}
}
