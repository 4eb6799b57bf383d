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

// List names a list, and the epoch of the database in which it is read.
type List struct{ Name, Epoch string }

// cursor is what stands behind the text that clients send back.
type cursor struct {
	List  string          `json:"l"` // the list it belongs to
	Epoch string          `json:"e,omitempty"`
	After json.RawMessage `json:"a"` // the last key that was sent
}

// EncodeCursor returns the text that stands for "behind this key of this list". It is no secret, and no promise: its
// form may change.
func EncodeCursor(list List, after any) string {
	key, err := json.Marshal(after)
	if err != nil {
		return "" // keys are texts and numbers
	}
	raw, err := json.Marshal(cursor{List: list.Name, Epoch: list.Epoch, After: key})
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// DecodeCursor reads a cursor of the list into after; an empty text leaves after alone. Anything else than what
// EncodeCursor returned for this list is a 400; what it returned in another epoch is a 410: the database was restored
// or failed over, and a list that goes on would be made of two.
func DecodeCursor(list List, text string, after any) error {
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
	if unmarshalStrict(raw, &c) != nil || c.List != list.Name {
		return refusal
	}
	if c.Epoch != list.Epoch {
		return Refuse(http.StatusGone, "cursor: the database was restored or failed over since; begin the list anew")
	}
	if !plainTexts(c.After) || unmarshalStrict(c.After, after) != nil {
		return refusal
	}
	return nil
}

// plainTexts tells whether the database could hold every text of a key.
func plainTexts(key []byte) bool {
	d := json.NewDecoder(bytes.NewReader(key))
	for {
		token, err := d.Token()
		if err != nil {
			return err == io.EOF
		}
		if text, ok := token.(string); ok && !plain(text) {
			return false
		}
	}
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
