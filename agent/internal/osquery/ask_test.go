// SPDX-License-Identifier: Apache-2.0

package osquery

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/osquery/osquery-go/gen/osquery"
)

// answered is a connection on which an answer waits already.
type answered struct {
	net.Conn
	answer *bytes.Reader
}

func (a answered) Read(p []byte) (int, error)  { return a.answer.Read(p) }
func (a answered) Write(p []byte) (int, error) { return io.Discard.Write(p) }

// encoded is an answer as osquery sends it.
func encoded(f *testing.F, response *osquery.ExtensionResponse) []byte {
	f.Helper()
	buffer := thrift.NewTMemoryBuffer()
	p := thrift.NewTBinaryProtocolConf(buffer, nil)
	ctx := context.Background()
	result := osquery.ExtensionManagerQueryResult{Success: response}
	err := p.WriteMessageBegin(ctx, "query", thrift.REPLY, 1)
	if err == nil {
		err = result.Write(ctx, p)
	}
	if err == nil {
		err = p.Flush(ctx)
	}
	if err != nil {
		f.Fatal(err)
	}
	return buffer.Bytes()
}

func FuzzAnswer(f *testing.F) {
	good := encoded(f, &osquery.ExtensionResponse{
		Status: &osquery.ExtensionStatus{}, Response: []map[string]string{{"name": "bash", "version": "5.2"}, {}},
	})
	f.Add(good)
	f.Add(good[:len(good)-7])
	f.Add(encoded(f, &osquery.ExtensionResponse{Status: &osquery.ExtensionStatus{Code: 1, Message: "no such table"}}))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		conn := &bounded{Conn: answered{answer: bytes.NewReader(raw)}, left: maxAnswerBytes}
		response, err := managerOver(conn).Query(t.Context(), "SELECT 1")
		if err != nil {
			return
		}
		if n := len(response.GetResponse()); n > maxRows || n > len(raw) {
			t.Errorf("%d rows of %d bytes", n, len(raw))
		}
	})
}
