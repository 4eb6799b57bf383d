// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/rollcall-inventory/rollcall/proto/normal"
)

// AppendJSON appends the event as receivers get it: its payload, with the envelope under "_zentral".
func (e *Event) AppendJSON(dst []byte) []byte {
	dst = appendOpen(dst, e.Payload)
	dst = append(dst, `"_zentral":{"created_at":"`...)
	dst = appendTime(dst, e.At, e.Naive)
	dst = append(dst, `","id":"`...)
	dst = append(dst, e.Batch.String()...)
	dst = append(dst, `","index":`...)
	dst = strconv.AppendInt(dst, int64(e.Index), 10)
	dst = appendText(append(dst, `,"type":`...), e.Type)
	dst = appendText(append(dst, `,"namespace":`...), e.Namespace)
	if tags := tagSet(e.Tags); len(tags) > 0 {
		dst = appendTexts(append(dst, `,"tags":`...), tags)
	}
	dst = appendRaw(dst, "request", e.Request)
	if e.SerialNumber != "" {
		dst = appendText(append(dst, `,"machine_serial_number":`...), e.SerialNumber)
		dst = appendRaw(dst, "machine", e.Machine)
	}
	return append(appendObjects(dst, e.Objects), "}}"...)
}

// appendOpen appends an object that is still open, ready for one more key.
func appendOpen(dst []byte, object json.RawMessage) []byte {
	inside, ok := bytes.CutSuffix(bytes.TrimSpace(object), []byte("}"))
	inside = bytes.TrimSpace(inside)
	if !ok || len(inside) == 0 {
		return append(dst, '{')
	}
	if dst = append(dst, inside...); len(inside) > 1 {
		dst = append(dst, ',')
	}
	return dst
}

func appendRaw(dst []byte, key string, value json.RawMessage) []byte {
	if len(value) == 0 {
		return dst
	}
	dst = appendText(append(dst, ','), key)
	return append(append(dst, ':'), value...)
}

func appendObjects(dst []byte, objects map[string][]string) []byte {
	if len(objects) == 0 {
		return dst
	}
	dst = append(dst, `,"objects":{`...)
	for i, kind := range slices.Sorted(maps.Keys(objects)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, kind)
		dst = appendTexts(append(dst, ':'), objects[kind])
	}
	return append(dst, '}')
}

// tagSet returns the tags in order, each once.
func tagSet(tags []string) []string {
	tags = slices.Clone(tags)
	slices.Sort(tags)
	return slices.Compact(tags)
}

func appendTexts(dst []byte, texts []string) []byte {
	dst = append(dst, '[')
	for i, text := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, text)
	}
	return append(dst, ']')
}

func appendText(dst []byte, text string) []byte {
	quoted, err := encode(text)
	if err != nil {
		return append(dst, `""`...) // no string is an error
	}
	return append(dst, quoted...)
}

// appendTime writes a moment as the outside contract does: microseconds unless there are none, and without an offset
// when it is the event's own time.
func appendTime(dst []byte, at time.Time, naive bool) []byte {
	if dst = append(dst, normal.Datetime(at)...); !naive {
		dst = append(dst, "+00:00"...)
	}
	return dst
}

// encode is json.Marshal without HTML's escapes: texts stay as people wrote them.
func encode(v any) (json.RawMessage, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
