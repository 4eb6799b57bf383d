// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// ErrUnreachable says that no answer came.
var ErrUnreachable = errors.New("the aggregator does not answer")

// maxErrorBody bounds what is read of a refusal, in bytes.
const maxErrorBody = 64 << 10

// Error is what the server refused.
type Error struct {
	Status    int
	Detail    string
	Fields    map[string][]string // what is wrong with fields of the body
	Position  *int                // where in an expression it is wrong, in bytes from 0
	RequestID string
}

// Error says what was wrong, for the person at the terminal.
func (e *Error) Error() string {
	text := e.Detail
	if text == "" {
		text = http.StatusText(e.Status)
	}
	for _, field := range slices.Sorted(maps.Keys(e.Fields)) {
		if problem := strings.Join(e.Fields[field], " "); !strings.Contains(text, problem) {
			text += fmt.Sprintf("\n  %s: %s", field, problem)
		}
	}
	if e.Status >= http.StatusInternalServerError && e.RequestID != "" {
		text += fmt.Sprintf(" (request %s)", e.RequestID)
	}
	return text
}

// readError makes an Error of an answer, whatever its body is.
func readError(response *http.Response) error {
	e := &Error{Status: response.StatusCode}
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxErrorBody))
	if err != nil {
		return e
	}
	var problem struct {
		Detail    string              `json:"detail"`
		Errors    map[string][]string `json:"errors"`
		Position  *int                `json:"position"`
		RequestID string              `json:"request_id"`
	}
	if json.Unmarshal(raw, &problem) == nil {
		e.Detail, e.Fields, e.Position, e.RequestID = problem.Detail, problem.Errors, problem.Position, problem.RequestID
	}
	if response.StatusCode < http.StatusBadRequest {
		e.Detail = "it redirects to " + response.Header.Get("Location") + ": give that address"
	}
	return e
}
