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

// mustEscape reports characters that RFC 3986 does not reserve nowhere: all but letters, digits and - . _ ~.
func mustEscape(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return !strings.ContainsRune("-._~", r)
}

// Serial returns the serial number that the path's {serial} stands for, in its URL-safe form or escaped.
func Serial(r *http.Request) (string, error) {
	text := r.PathValue("serial")
	encoded, odd := strings.CutPrefix(text, ".")
	if !odd {
		return text, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(raw) == 0 || !utf8.Valid(raw) {
		return "", Refuse(http.StatusNotFound, "%s is no serial number: behind a dot stands its unpadded base64url.", url.PathEscape(text))
	}
	return string(raw), nil
}
