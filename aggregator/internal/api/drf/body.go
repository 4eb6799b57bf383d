// SPDX-License-Identifier: Apache-2.0

package drf

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"unicode/utf8"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
)

// maxBody is the largest body that the contracts' server takes, in bytes.
const maxBody = 10 << 20

// maxDepth bounds how deep a body may nest.
const maxDepth = 32

// Decode reads the body of a request, one JSON object; no body at all is the empty object. Whatever else is a 415 or a
// 400 that says where.
func Decode(w http.ResponseWriter, r *http.Request) (*Object, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, api.Refuse(http.StatusRequestEntityTooLarge, "The body is larger than %d bytes.", maxBody)
	}
	if err != nil {
		return nil, api.Refuse(http.StatusBadRequest, "The body could not be read.")
	}
	given := r.Header.Get("Content-Type")
	if len(raw) == 0 {
		return &Object{values: map[string]any{}}, nil
	}
	if media, _, err := mime.ParseMediaType(given); err != nil || media != "application/json" {
		return nil, api.Refuse(http.StatusUnsupportedMediaType, "Unsupported media type \"%s\" in request.", given)
	}
	return decode(raw)
}

func decode(raw []byte) (*Object, error) {
	if !utf8.Valid(raw) {
		return nil, parseError("the text is not valid UTF-8")
	}
	if err := json.Unmarshal(raw, &json.RawMessage{}); err != nil { // it only looks, and knows best where the mistake is
		return nil, explain(err)
	}
	if err := checkDepth(raw); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, explain(err)
	}
	if value == nil {
		return nil, invalidFields(map[string]any{nonField: []string{"No data provided"}})
	}
	values, ok := value.(map[string]any)
	if !ok {
		return nil, invalidFields(map[string]any{nonField: []string{notADictionary(value)}})
	}
	return &Object{values: values}, nil
}

// checkDepth reads the tokens before anything is built of them.
func checkDepth(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	for depth := 0; ; {
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return explain(err)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > maxDepth {
			return parseError("nested deeper than %d levels, near byte %d", maxDepth, d.InputOffset())
		}
	}
}

func explain(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return parseError("%v, near byte %d", syntax, syntax.Offset)
	}
	return parseError("%v", err)
}

func parseError(format string, args ...any) error {
	return api.Refuse(http.StatusBadRequest, "JSON parse error - "+format, args...)
}
