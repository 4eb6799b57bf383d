// SPDX-License-Identifier: Apache-2.0

package apitest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
)

// Listen serves the doors until the test ends, for clients that bring their own connections, and returns the address.
// Every answer is held against the description.
func (w *World) Listen() (url string) {
	w.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, req *http.Request) {
		answer := w.Send(req)
		for name, values := range answer.Header {
			out.Header()[name] = values
		}
		out.WriteHeader(answer.Status)
		_, _ = out.Write(answer.Body) // a client that is gone fails by itself
	}))
	w.t.Cleanup(server.Close)
	return server.URL
}

// plain returns the body as it was before it was compressed for a client that asked for that.
func (a *Answer) plain() ([]byte, error) {
	if a.Header.Get("Content-Encoding") != "gzip" {
		return a.Body, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(a.Body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}
