// SPDX-License-Identifier: Apache-2.0

package osquery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/osquery/osquery-go/gen/osquery"
)

const (
	// maxAnswerBytes, maxRows and maxColumns bound one answer.
	maxAnswerBytes = 32 << 20
	maxRows        = 100_000
	maxColumns     = 256
	// maxMessage bounds what an error of osquery may say, in bytes.
	maxMessage = 300
)

var (
	// errTooLarge says that an answer passes a limit.
	errTooLarge = errors.New("the answer is too large")
	// errForeign says that whoever listens is nobody to believe what the machine is.
	errForeign = errors.New("whoever listens there is neither the system nor an administrator")
)

// ask runs one statement over a connection of its own: after an answer that came late, or half, a connection is out of
// step with its questions for good. The whole of it, the connecting and every byte of the answer, ends within the limit
// or when ctx does.
func (r *Reader) ask(ctx context.Context, sql string) (answer []map[string]string, err error) {
	limit := r.Limit
	if limit == 0 {
		limit = queryLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	raw, err := dial(ctx, r.Socket)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	// Thrift looks at a context between its reads only, and a deadline for each read could be met by one byte at a time.
	defer context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })()
	conn := &bounded{Conn: raw, left: maxAnswerBytes}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		if conn.over {
			err = fmt.Errorf("%w: more than %d bytes", errTooLarge, maxAnswerBytes)
		} else if ctx.Err() != nil && err != nil {
			err = fmt.Errorf("no answer within %s: %w", limit, ctx.Err())
		}
	}()
	response, err := managerOver(conn).Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	if status := response.GetStatus(); status == nil || status.GetCode() != int32(osquery.ExtensionCode_EXT_SUCCESS) {
		return nil, refusedWith(status)
	}
	return response.GetResponse(), nil
}

// refusedWith is what osquery says when a statement fails.
func refusedWith(status *osquery.ExtensionStatus) error {
	if status == nil {
		return errors.New("osquery answers without a status")
	}
	message := status.GetMessage()
	if len(message) > maxMessage {
		message = message[:maxMessage]
	}
	return fmt.Errorf("osquery says, with code %d: %s", status.GetCode(), message)
}

// managerOver speaks to osquery over a connection. The small buffer of a connection makes osquery's unbuffered words cheap.
func managerOver(conn net.Conn) *osquery.ExtensionManagerClient {
	configuration := &thrift.TConfiguration{MaxMessageSize: maxAnswerBytes}
	protocol := limited{thrift.NewTBinaryProtocolConf(thrift.NewStreamTransportRW(conn), configuration)}
	return osquery.NewExtensionManagerClient(thrift.NewTStandardClient(protocol, protocol))
}

// isSilence tells whether osquery gave no answer at all, rather than one that says no.
func isSilence(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrNotExist) || errors.Is(err, io.EOF) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// limited refuses sizes before anything is made for them.
type limited struct{ thrift.TProtocol }

// ReadListBegin implements thrift.TProtocol.
func (l limited) ReadListBegin(ctx context.Context) (thrift.TType, int, error) {
	kind, size, err := l.TProtocol.ReadListBegin(ctx)
	if err == nil && size > maxRows {
		err = fmt.Errorf("%w: %d rows, the limit is %d", errTooLarge, size, maxRows)
	}
	return kind, size, err
}

// ReadMapBegin implements thrift.TProtocol.
func (l limited) ReadMapBegin(ctx context.Context) (thrift.TType, thrift.TType, int, error) {
	key, value, size, err := l.TProtocol.ReadMapBegin(ctx)
	if err == nil && size > maxColumns {
		err = fmt.Errorf("%w: %d columns, the limit is %d", errTooLarge, size, maxColumns)
	}
	return key, value, size, err
}

// bounded is a connection that gives so many bytes and no more.
type bounded struct {
	net.Conn
	left int
	over bool
}

// Read implements net.Conn.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.over = true
		return 0, errTooLarge
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
