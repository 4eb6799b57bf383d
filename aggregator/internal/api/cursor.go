// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
)

// maxCursor bounds a cursor's text, in bytes.
const maxCursor = 4096

// cursor is what stands behind the text that clients send back.
type cursor struct {
	List  string          `json:"l"` // the list it belongs to
	After json.RawMessage `json:"a"` // the last key that was sent
}

// EncodeCursor returns the text that stands for "behind this key of this list". It is no secret, and no promise: its
// form may change.
func EncodeCursor(list string, after any) string {
	key, err := json.Marshal(after)
	if err != nil {
		return "" // keys are texts and numbers
	}
	raw, err := json.Marshal(cursor{List: list, After: key})
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// DecodeCursor reads a cursor of the list into after; an empty text leaves after alone. Anything else than what
// EncodeCursor returned for this list is a 400.
func DecodeCursor(list, text string, after any) error {
	if text == "" {
		return nil
	}
	refusal := Refuse(http.StatusBadRequest, "cursor: not a next_cursor of this list")
	if len(text) > maxCursor {
		return refusal
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return refusal
	}
	var c cursor
	if unmarshalStrict(raw, &c) != nil || c.List != list || unmarshalStrict(c.After, after) != nil {
		return refusal
	}
	return nil
}

// unmarshalStrict decodes one JSON value, without keys that are not known and without anything behind it.
func unmarshalStrict(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errTrailing
	}
	return nil
}
