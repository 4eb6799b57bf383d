// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// URLSafeSerial returns the form of a serial number that stands in a path: the serial itself unless it begins with a
// dot or has to be escaped, else a dot and its unpadded base64url.
func URLSafeSerial(serial string) string {
	if serial != "" && serial[0] != '.' && !strings.ContainsFunc(serial, mustEscape) {
		return serial
	}
	return "." + base64.RawURLEncoding.EncodeToString([]byte(serial))
}

// mustEscape reports all characters but those that a path may always hold as they are, RFC 3986's "unreserved":
// letters, digits and - . _ ~.
func mustEscape(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return !strings.ContainsRune("-._~", r)
}

// plain tells whether a text can be in the database at all: valid UTF-8 without NUL.
func plain(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// Serial returns the serial number that the path's {serial} stands for, in its URL-safe form or escaped.
func Serial(r *http.Request) (string, error) {
	text := r.PathValue("serial")
	encoded, odd := strings.CutPrefix(text, ".")
	if !odd {
		if !plain(text) {
			return "", Refuse(http.StatusNotFound, "%s is no serial number: it is not valid text.", url.PathEscape(text))
		}
		return text, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(raw) == 0 || !plain(string(raw)) {
		return "", Refuse(http.StatusNotFound, "%s is no serial number: behind a dot stands its unpadded base64url.", url.PathEscape(text))
	}
	return string(raw), nil
}
