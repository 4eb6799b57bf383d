// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha1"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// version is the version in the forms that packages want. A tag v1.2.3 is a release; what was built after it is older than
// the next one, 1.2.4.
type version struct {
	name     string // as git describe says it: what the program prints
	numbers  string // 1.2.3
	snapshot string // pre20261122010203, or empty for a release
}

var tag = regexp.MustCompile(`^v?(\d+\.\d+)\.(\d+)(.*)$`)

func parseVersion(name string, epoch int64) version {
	v := version{name: name, numbers: "0.0.0"}
	rest := "-"
	if m := tag.FindStringSubmatch(name); m != nil {
		patch, _ := strconv.Atoi(m[2]) // digits
		rest = m[3]
		if rest != "" {
			patch++ // the next release
		}
		v.numbers = fmt.Sprintf("%s.%d", m[1], patch)
	}
	if rest != "" {
		v.snapshot = "pre" + time.Unix(epoch, 0).UTC().Format("20060102150405")
	}
	return v
}

// debian is the version in the form of Debian and rpm.
func (v version) debian() string {
	if v.snapshot == "" {
		return v.numbers
	}
	return v.numbers + "~" + v.snapshot
}

// uuid derives a UUID (version 5) from words: the same words, the same UUID.
func uuid(words ...string) string {
	h := sha1.New()
	h.Write([]byte("rollcall-inventory/rollcall"))
	for _, w := range words {
		h.Write([]byte{0})
		h.Write([]byte(w))
	}
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x50, b[8]&0x3f|0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
