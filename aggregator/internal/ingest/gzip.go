// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"compress/gzip"
	"errors"
	"io"

	"connectrpc.com/connect"
)

var errTooLarge = errors.New("decompression stopped")

// limitedGzip decompresses one message and stops once it is too large. Connect by itself would go on to the end, to
// tell how large the message is: a gigabyte of work for a megabyte received.
type limitedGzip struct {
	gzip.Reader
	left int
}

// Reset implements connect.Decompressor.
func (z *limitedGzip) Reset(r io.Reader) error {
	z.left = maxMessageBytes + 1 // one more, so that Connect notices
	return z.Reader.Reset(r)
}

// Read implements connect.Decompressor.
func (z *limitedGzip) Read(p []byte) (int, error) {
	if z.left <= 0 {
		return 0, errTooLarge
	}
	n, err := z.Reader.Read(p[:min(len(p), z.left)])
	z.left -= n
	return n, err
}

// withLimitedGzip puts limitedGzip in the place of Connect's own.
func withLimitedGzip() connect.HandlerOption {
	return connect.WithCompression("gzip",
		func() connect.Decompressor { return &limitedGzip{} },
		func() connect.Compressor { return gzip.NewWriter(io.Discard) },
	)
}
