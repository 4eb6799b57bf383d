// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec that grpcCodec stands on
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// frame is a message as it came, after decompression. Both listeners hand frames to the service, which holds them
// against its limits before it decodes them: a few megabytes of empty submessages would decode into hundreds.
type frame struct {
	raw  []byte
	json bool
}

// connectCodec takes messages of a Connect listener as frames.
type connectCodec struct {
	name string
	json bool
}

// connectCodecs are the encodings that Connect speaks.
var connectCodecs = []connectCodec{{name: "proto"}, {name: "json", json: true}, {name: "json; charset=utf-8", json: true}}

// Name implements connect.Codec.
func (c connectCodec) Name() string { return c.name }

// Marshal implements connect.Codec.
func (c connectCodec) Marshal(message any) ([]byte, error) {
	if a, ok := message.(*connectAnswer); ok {
		message = a.message
	}
	m, ok := message.(proto.Message)
	switch {
	case !ok:
		return nil, fmt.Errorf("%T is no message", message)
	case c.json:
		return protojson.Marshal(m)
	default:
		return proto.Marshal(m)
	}
}

// Unmarshal implements connect.Codec. The bytes belong to Connect and are copied.
func (c connectCodec) Unmarshal(raw []byte, message any) error {
	f, ok := message.(*frame)
	if !ok {
		return fmt.Errorf("%T is no frame", message)
	}
	f.raw, f.json = append([]byte(nil), raw...), c.json
	return nil
}

// grpcCodec takes messages of the native listener as frames; for other services on the same server it is the usual
// codec.
type grpcCodec struct{ encoding.CodecV2 }

func newGRPCCodec() grpcCodec { return grpcCodec{encoding.GetCodecV2("proto")} }

// Unmarshal implements encoding.CodecV2. The buffers belong to gRPC and are copied.
func (c grpcCodec) Unmarshal(data mem.BufferSlice, message any) error {
	f, ok := message.(*frame)
	if !ok {
		return c.CodecV2.Unmarshal(data, message)
	}
	f.raw = data.Materialize()
	return nil
}
