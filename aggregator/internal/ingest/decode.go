// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	// maxMessageBytes bounds a message after decompression; agents cut sections into parts below it.
	maxMessageBytes = 4 << 20
	// maxJSONBytes is the same for JSON, which is for people with curl.
	maxJSONBytes = 256 << 10
	// maxSubmessages bounds the messages inside a message: sections, filesystems, troubles.
	maxSubmessages = 10_000
	// maxFields bounds the fields of a message, those of submessages included; each body is one.
	maxFields = 250_000
)

// decode reads the frame into m, within the limits.
func (f *frame) decode(m proto.Message) error {
	if f.json {
		if len(f.raw) > maxJSONBytes {
			return exhausted("a JSON message of %d bytes, the limit is %d", len(f.raw), maxJSONBytes)
		}
		return malformed(protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(f.raw, m))
	}
	var n counts
	if err := n.add(f.raw, m.ProtoReflect().Descriptor()); err != nil {
		return malformed(err)
	}
	if n.submessages > maxSubmessages || n.fields > maxFields {
		return exhausted("too much in one message: the limit is %d fields and %d messages inside it", maxFields, maxSubmessages)
	}
	return malformed(proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(f.raw, m))
}

// malformed refuses a message that is none; the text may quote what a caller sent, so it is cut.
func malformed(err error) error {
	if err == nil {
		return nil
	}
	const most = 200
	text := err.Error()
	if len(text) > most {
		text = fmt.Sprintf("%.*q", most, text)
	}
	return invalid("malformed message: %w", errors.New(text))
}

// counts is how much a message holds.
type counts struct{ submessages, fields int }

// add counts the fields of an encoded message. It stops once there are too many.
func (n *counts) add(raw []byte, d protoreflect.MessageDescriptor) error {
	for len(raw) > 0 {
		number, kind, size := protowire.ConsumeTag(raw)
		if size < 0 {
			return protowire.ParseError(size)
		}
		raw = raw[size:]
		if size = protowire.ConsumeFieldValue(number, kind, raw); size < 0 {
			return protowire.ParseError(size)
		}
		if n.fields++; n.fields > maxFields || n.submessages > maxSubmessages {
			return nil
		}
		field := d.Fields().ByNumber(number)
		if field != nil && field.Message() != nil && kind == protowire.BytesType {
			n.submessages++
			inner, _ := protowire.ConsumeBytes(raw)
			if err := n.add(inner, field.Message()); err != nil {
				return err
			}
		}
		raw = raw[size:]
	}
	return nil
}
