// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Problem is an error that a client may see: the body of RFC 9457, and its status. Title is that of the status, and
// the type is left out, which the RFC reads as about:blank.
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
	// Errors says what is wrong with each field of the body, by its path.
	Errors map[string][]string `json:"errors,omitempty"`
	// Position is where in an expression the error is, in bytes from 0.
	Position *int `json:"position,omitempty"`
	// Path is where in a submitted tree the error is.
	Path string `json:"path,omitempty"`
	// Oldest is the oldest moment that can be asked for.
	Oldest *time.Time `json:"oldest,omitempty"`
	// RequestID is the id under which the request is logged.
	RequestID string `json:"request_id,omitempty"`
	// Body is what a contract with error bodies of its own answers instead of all this; nil: it has only the detail.
	Body any `json:"-"`
}

// Refuse returns a problem with a status below 500 or of 503 and a text for the client.
func Refuse(status int, format string, args ...any) *Problem {
	return &Problem{Status: status, Title: http.StatusText(status), Detail: fmt.Sprintf(format, args...)}
}

// Error gives the detail.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Detail
}

// Write sends the problem as the answer to r.
func (p *Problem) Write(w http.ResponseWriter, r *http.Request) {
	out := *p
	out.Title = http.StatusText(p.Status)
	out.RequestID = RequestID(r.Context())
	body, err := json.Marshal(&out)
	if err != nil { // no field of it can fail
		body = []byte(`{}`)
	}
	h := w.Header()
	for _, name := range []string{"Content-Length", "Content-Disposition", "Etag"} {
		h.Del(name) // of the answer that was not to be
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // a client that is gone needs no answer
}
