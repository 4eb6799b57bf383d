// SPDX-License-Identifier: Apache-2.0

// Package pack is the binary form of a head's sections and of its changes, as PostgreSQL holds them. It is pure: it
// knows no database and no dictionary, only bytes. docs/storage.md says why the forms are as they are.
//
// A shared section is a list of dictionary ids, a private one a list of canonical bodies. A large section has a row of
// its own, with a base and a tail of later additions and removals; all small ones share one row.
package pack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// maxUnpacked bounds what one stored value may decompress to: eight times what a snapshot may hold of
// private facts.
const maxUnpacked = 256 << 20

// Bounds of what is built from one stored value, well above what a snapshot may hold.
const (
	maxMembers = 1 << 20
	maxKinds   = 1 << 10
)

var (
	errShort = errors.New("packed value ends too early")
	errLong  = errors.New("packed value goes on behind its end")
	errMany  = errors.New("packed value holds more than a snapshot may")
	errOrder = errors.New("packed ids are not ascending")
)

// compressor and decompressor are safe for concurrent use through EncodeAll and DecodeAll.
var (
	compressor = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<20))
		if err != nil {
			panic(err) //nolint:forbidigo // the options are constants: a programmer's mistake
		}
		return e
	})
	decompressor = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxUnpacked))
		if err != nil {
			panic(err) //nolint:forbidigo // the options are constants: a programmer's mistake
		}
		return d
	})
)

// First byte of a squeezed value.
const (
	plain      = 0
	compressed = 1
)

// squeeze returns raw behind one byte that tells its form, compressed when that is shorter.
func squeeze(raw []byte) []byte {
	const tooShort = 96
	if len(raw) > tooShort {
		out := compressor().EncodeAll(raw, []byte{compressed})
		if len(out) <= len(raw) {
			return out
		}
	}
	return append([]byte{plain}, raw...)
}

// unsqueeze undoes squeeze. The result may share memory with packed.
func unsqueeze(packed []byte) ([]byte, error) {
	switch {
	case len(packed) == 0:
		return nil, nil
	case packed[0] == plain:
		return packed[1:], nil
	case packed[0] == compressed:
		return decompressor().DecodeAll(packed[1:], nil)
	default:
		return nil, fmt.Errorf("packed value of unknown form %d", packed[0])
	}
}

// reader reads values one after the other; after an error every further read gives zero values.
type reader struct {
	in  []byte
	err error
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.in)
	if n <= 0 {
		r.fail(errShort)
		return 0
	}
	r.in = r.in[n:]
	return v
}

// count reads how many values of at least one byte follow.
func (r *reader) count() uint64 {
	n := r.uvarint()
	switch {
	case n > uint64(len(r.in)):
		r.fail(errShort)
		return 0
	case n > maxMembers:
		r.fail(errMany)
		return 0
	}
	return n
}

// bytes reads n bytes without copying them.
func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.in)) {
		r.fail(errShort)
		return nil
	}
	out := r.in[:n:n]
	r.in = r.in[n:]
	return out
}

// text reads a value that stands behind its length.
func (r *reader) text() []byte { return r.bytes(r.uvarint()) }

func (r *reader) byte() byte {
	if b := r.bytes(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *reader) fail(err error) {
	r.in = nil
	if r.err == nil {
		r.err = err
	}
}

// end tells whether everything was read, and well.
func (r *reader) end() error {
	if r.err == nil && len(r.in) > 0 {
		return errLong
	}
	return r.err
}

// more tells whether there is anything left to read.
func (r *reader) more() bool { return r.err == nil && len(r.in) > 0 }

// appendText appends a value behind its length.
func appendText[T ~[]byte | ~string](out []byte, value T) []byte {
	out = binary.AppendUvarint(out, uint64(len(value)))
	return append(out, value...)
}

// appendIDs appends ascending dictionary ids as a count and the gaps between them.
func appendIDs(out []byte, ids []int64) []byte {
	out = binary.AppendUvarint(out, uint64(len(ids)))
	last := int64(0)
	for _, id := range ids {
		out = binary.AppendUvarint(out, uint64(id-last))
		last = id
	}
	return out
}

// ids reads what appendIDs wrote.
func (r *reader) ids() []int64 {
	n := r.count()
	out := make([]int64, 0, n)
	last := int64(0)
	for range n {
		next := last + int64(r.uvarint())
		if next <= last { // a gap of nothing, or one that no id can be behind
			r.fail(errOrder)
			return nil
		}
		last = next
		out = append(out, last)
	}
	return out
}
