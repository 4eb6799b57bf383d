// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"encoding/binary"
	"math"
)

// flatpakDeploy is what flatpak notes about something that it deployed.
type flatpakDeploy struct {
	origin, commit string
	// size is in bytes.
	size int64
	// texts are the further notes that are text, by name.
	texts map[string]string
}

// parseFlatpakDeploy reads the file deploy, a GVariant of the type (ssasta{sv}); ok is false for what is none.
//
// Source: FLATPAK_DEPLOY_DATA_GVARIANT_STRING in common/flatpak-utils-private.h; the GVariant specification: members that
// have no fixed size and are not the last have their ends noted behind the tuple, in reverse; 64-bit numbers and
// dictionaries begin at multiples of 8. The number itself is kept in network order.
func parseFlatpakDeploy(raw []byte) (d flatpakDeploy, ok bool) {
	ends, ok := variantEnds(raw, 3) // of the two texts and the array
	if !ok {
		return d, false
	}
	end := len(raw) - len(ends)*offsetSize(len(raw))
	number := align8(ends[2])
	if ends[0] > ends[1] || ends[1] > ends[2] || number+8 > end {
		return d, false
	}
	d.origin, d.commit = variantText(raw[:ends[0]]), variantText(raw[ends[0]:ends[1]])
	if size := binary.BigEndian.Uint64(raw[number:]); size <= math.MaxInt64 {
		d.size = int64(size)
	}
	d.texts = variantTexts(raw[number+8 : end])
	return d, true
}

// variantTexts reads the entries of a dictionary a{sv} whose values are text.
func variantTexts(raw []byte) map[string]string {
	texts := map[string]string{}
	if len(raw) == 0 {
		return texts
	}
	size := offsetSize(len(raw))
	table := offset(raw, len(raw)-size, size) // where the ends of the entries are noted, after the last of them
	if table < 0 || table > len(raw) {
		return texts
	}
	begin := 0
	for at := table; at+size <= len(raw); at += size {
		end := offset(raw, at, size)
		if end < begin || end > table {
			return texts
		}
		if name, value, ok := variantEntry(raw[begin:end]); ok {
			texts[name] = value
		}
		begin = align8(end)
	}
	return texts
}

// variantEntry reads one entry {sv} whose value is text: the value, a zero byte and its type s.
func variantEntry(raw []byte) (name, value string, ok bool) {
	ends, ok := variantEnds(raw, 1)
	if !ok {
		return "", "", false
	}
	begin, end := align8(ends[0]), len(raw)-offsetSize(len(raw))
	if begin > end {
		return "", "", false
	}
	boxed, isText := bytes.CutSuffix(raw[begin:end], []byte("\x00s"))
	if !isText {
		return "", "", false
	}
	return variantText(raw[:ends[0]]), variantText(boxed), true
}

// variantEnds reads the ends that are noted behind a tuple, in the order of its members.
func variantEnds(raw []byte, n int) (ends []int, ok bool) {
	size := offsetSize(len(raw))
	for i := range n {
		end := offset(raw, len(raw)-(i+1)*size, size)
		if end < 0 || end > len(raw)-n*size {
			return nil, false
		}
		ends = append(ends, end)
	}
	return ends, true
}

// offsetSize is the size of the numbers that say where things end in a container of length bytes.
func offsetSize(length int) int {
	switch {
	case length <= math.MaxUint8:
		return 1
	case length <= math.MaxUint16:
		return 2
	}
	return 4
}

// offset reads such a number; -1 where there is none.
func offset(raw []byte, at, size int) int {
	if at < 0 || at+size > len(raw) {
		return -1
	}
	switch size {
	case 1:
		return int(raw[at])
	case 2:
		return int(binary.LittleEndian.Uint16(raw[at:]))
	}
	return int(int32(binary.LittleEndian.Uint32(raw[at:])))
}

// variantText is a text without the zero byte at its end.
func variantText(raw []byte) string {
	text, _, _ := bytes.Cut(raw, []byte{0})
	return string(text)
}

// align8 is the next multiple of 8.
func align8(n int) int { return (n + 7) &^ 7 }
