// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

var errTrailing = errors.New("there is text behind the JSON value")

// ReadJSON returns the body of a request that says it is JSON, of at most limit bytes.
func ReadJSON(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, Refuse(http.StatusUnsupportedMediaType, "The body has to be JSON: send Content-Type: application/json.")
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, Refuse(http.StatusUnsupportedMediaType, "Content-Encoding %q is not taken here.", encoding)
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, Refuse(http.StatusRequestEntityTooLarge, "The body is larger than %d bytes.", limit)
	}
	if err != nil {
		return nil, Refuse(http.StatusBadRequest, "The body could not be read.")
	}
	return raw, nil
}

// DecodeJSON reads the body of a request, one JSON object of at most limit bytes, into v. Whatever does not fit v is a
// 400 that names the field.
func DecodeJSON(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	raw, err := ReadJSON(w, r, limit)
	if err != nil {
		return err
	}
	if !utf8.Valid(raw) {
		return Refuse(http.StatusBadRequest, "The body is not valid UTF-8.")
	}
	if err := unmarshalStrict(raw, v); err != nil {
		return explainJSON(err)
	}
	return nil
}

// explainJSON words encoding/json's complaints without the names of our types.
func explainJSON(err error) *Problem {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return Refuse(http.StatusBadRequest, "The body is not JSON: %v near byte %d.", syntax, syntax.Offset)
	}
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := mismatch.Field
		if field == "" {
			return Refuse(http.StatusBadRequest, "The body has to be a JSON object, not a %s.", mismatch.Value)
		}
		p := Refuse(http.StatusBadRequest, "%s: a %s does not fit here", field, mismatch.Value)
		p.Errors = map[string][]string{field: {"Not a valid " + jsonName(mismatch.Type.Kind().String()) + "."}}
		return p
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		p := Refuse(http.StatusBadRequest, "%s: unknown key", strings.Trim(name, `"`))
		p.Errors = map[string][]string{strings.Trim(name, `"`): {"Unknown key."}}
		return p
	}
	switch {
	case errors.Is(err, io.EOF):
		return Refuse(http.StatusBadRequest, "The body is empty.")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Refuse(http.StatusBadRequest, "The body is not JSON: it ends too early.")
	}
	return Refuse(http.StatusBadRequest, "The body cannot be read: %v.", err)
}

// jsonName is what people who write JSON call a kind of Go value.
func jsonName(kind string) string {
	switch kind {
	case "slice", "array":
		return "list"
	case "struct", "map", "ptr":
		return "object"
	case "int", "int64", "int32":
		return "integer"
	case "bool":
		return "boolean"
	}
	return kind
}
