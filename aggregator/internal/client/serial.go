// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/base64"
	"net/url"
	"strings"
)

// URLSafeSerial returns the form of a serial number that stands in a path: the serial itself, unless it begins with a dot
// or would be escaped, else a dot and its unpadded base64url.
func URLSafeSerial(serial string) string {
	if serial != "" && !strings.HasPrefix(serial, ".") && url.QueryEscape(serial) == serial {
		return serial
	}
	return "." + base64.RawURLEncoding.EncodeToString([]byte(serial))
}
