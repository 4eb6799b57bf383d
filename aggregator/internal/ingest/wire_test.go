// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
)

const service = "/rollcall.sync.v1.SyncService/"

// rawCall is one HTTP request that no client library would make.
type rawCall struct {
	http2       bool
	url         string
	contentType string
	header      map[string]string
	body        []byte
}

// rawAnswer is what came back. An error of the Connect protocol for streams lies at the end of the body.
type rawAnswer struct {
	status                  int
	grpcStatus, grpcMessage string
	body                    string
}

func (c rawCall) do(t *testing.T, a *agent) rawAnswer {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!c.http2)
	protocols.SetUnencryptedHTTP2(c.http2)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	r := must(http.NewRequestWithContext(t.Context(), http.MethodPost, c.url, bytes.NewReader(c.body)))(t)
	r.Header.Set("Content-Type", c.contentType)
	r.Header.Set("Te", "trailers")
	if a != nil {
		r.Header.Set("Authorization", "Bearer "+a.credential)
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	response := must(transport.RoundTrip(r))(t)  //nolint:bodyclose // closed on the next line; must hides it
	defer func() { _ = response.Body.Close() }() // it was read
	body := must(io.ReadAll(response.Body))(t)
	if len(body) > 5 && body[0] == 3 { // the end of a Connect stream, compressed
		body = must(io.ReadAll(must(gzip.NewReader(bytes.NewReader(body[5:])))(t)))(t)
	}
	get := func(name string) string { return response.Trailer.Get(name) + response.Header.Get(name) }
	return rawAnswer{status: response.StatusCode, grpcStatus: get("Grpc-Status"), grpcMessage: get("Grpc-Message"), body: string(body)}
}

// frame is a message in the envelope of gRPC and of Connect's streams; flag 1 says that it is compressed.
func frame(flag byte, message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flag}, uint32(len(message))), message...)
}

// bomb is a gigabyte of zeros in a megabyte: gzip allows members one behind the other.
func bomb(t *testing.T) []byte {
	var member bytes.Buffer
	writer := gzip.NewWriter(&member)
	must(writer.Write(make([]byte, 1<<20)))(t)
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(member.Bytes(), 1024)
}

func TestGigabyteFromAMegabyteIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a := enrolled(t, dialGRPC(t, w.aggregators[0].grpc), "M-1")
	connectURL, grpcURL := w.aggregators[0].http+service, "http://"+w.aggregators[0].grpc+service
	zip, message := bomb(t), "4194304"
	before := w.content()
	for _, method := range []string{"CheckIn", "PushDelta", "Missing", "PushSections"} {
		for name, c := range map[string]rawCall{
			"native gRPC": {http2: true, url: grpcURL + method, contentType: "application/grpc", header: map[string]string{"Grpc-Encoding": "gzip"}, body: frame(1, zip)},
			"gRPC":        {http2: true, url: connectURL + method, contentType: "application/grpc", header: map[string]string{"Grpc-Encoding": "gzip"}, body: frame(1, zip)},
			"Connect":     {url: connectURL + method, contentType: "application/proto", header: map[string]string{"Content-Encoding": "gzip"}, body: zip},
		} {
			if method == "PushSections" && name == "Connect" {
				c.contentType, c.body = "application/connect+proto", frame(1, zip)
				c.header = map[string]string{"Connect-Content-Encoding": "gzip"}
			}
			t.Run(method+" over "+name, func(t *testing.T) {
				got := c.do(t, a)
				if got.grpcStatus != "8" && !strings.Contains(got.body, `"code":"resource_exhausted"`) {
					t.Errorf("got %+v, want RESOURCE_EXHAUSTED", got)
				}
				if !strings.Contains(got.grpcMessage+got.body, message) {
					t.Errorf("got %+v, want the limit named", got)
				}
			})
		}
	}
	if after := w.content(); after != before {
		t.Errorf("changed\n%s\ninto\n%s", before, after)
	}
	a.current()
}

func TestMalformedMessagesAreTheCallersFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a := enrolled(t, dialGRPC(t, w.aggregators[0].grpc), "M-1")
	grpcURL, connectURL := "http://"+w.aggregators[0].grpc+service, w.aggregators[0].http+service
	endless := bytes.Repeat([]byte{0x1b}, 100_000) // groups inside groups
	tests := []struct {
		name, method string
		message      []byte
		want         string
	}{
		{"cut short", "CheckIn", []byte{0x0a, 0x7f, 1}, "malformed message: unexpected EOF"},
		{"invalid UTF-8 in a string", "PushDelta", []byte{0x22, 0x05, 0x0a, 0x03, 'a', 0xff, 'b'}, "invalid UTF-8"},
		{"groups without end", "CheckIn", endless, "malformed message: "},
		{"field 0", "Goodbye", []byte{0x00}, "malformed message: "},
	}
	for _, test := range tests {
		for name, c := range map[string]rawCall{
			"native gRPC": {http2: true, url: grpcURL, contentType: "application/grpc", body: frame(0, test.message)},
			"gRPC":        {http2: true, url: connectURL, contentType: "application/grpc", body: frame(0, test.message)},
			"Connect":     {url: connectURL, contentType: "application/proto", body: test.message},
		} {
			t.Run(test.name+" over "+name, func(t *testing.T) {
				c.url += test.method
				got := c.do(t, a)
				if got.grpcStatus != "3" && !strings.Contains(got.body, `"code":"invalid_argument"`) {
					t.Errorf("got %+v, want INVALID_ARGUMENT", got)
				}
				if text := strings.ReplaceAll(got.grpcMessage+got.body, "\u00a0", " "); !strings.Contains(text, test.want) {
					t.Errorf("got %q, want %q in it", text, test.want)
				}
			})
		}
	}
}

func TestCurlSpeaksConnectJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a := enrolled(t, connectTo(t, w.aggregators[0].http, false), "M-1")
	call := func(credential *agent, contentType, body string) rawAnswer {
		return rawCall{url: w.aggregators[0].http + service + "CheckIn", contentType: contentType, body: []byte(body)}.do(t, credential)
	}
	root := a.root()
	stamp := a.stamp()
	request := must(json.Marshal(map[string]any{
		"stamp": map[string]any{"instance": stamp.GetInstance(), "counter": stamp.GetCounter(), "evidence": fmt.Sprint(stamp.GetEvidence())},
		"root":  root[:], "fieldOfTomorrow": []int{1},
	}))(t)
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8"} {
		if got := call(a, contentType, string(request)); got.status != http.StatusOK || !strings.Contains(got.body, `"CHECK_IN_OUTCOME_CURRENT"`) {
			t.Errorf("%s: got %+v, want CURRENT", contentType, got)
		}
	}
	tests := []struct {
		name, body string
		caller     *agent
		status     int
		want       string
	}{
		{"empty", `{}`, a, http.StatusBadRequest, `{"code":"invalid_argument","message":"stamp.instance has 0 bytes, want 16"}`},
		{"no credential", `{}`, nil, http.StatusUnauthorized, `{"code":"unauthenticated","message":`},
		{"no JSON", `{"stamp":`, a, http.StatusBadRequest, `{"code":"invalid_argument","message":"malformed message: `},
		{"empty submessages", `{"sections":[` + strings.TrimSuffix(strings.Repeat("{},", 200_000), ",") + `]}`, a, http.StatusTooManyRequests, `"a JSON message of 600014 bytes, the limit is 262144"`},
		{"endless quotation", `{"` + strings.Repeat("x", 10_000) + `":}`, a, http.StatusBadRequest, `"malformed message: `},
	}
	for _, test := range tests {
		got := call(test.caller, "application/json", test.body)
		if got.status != test.status || !strings.Contains(got.body, test.want) || len(got.body) > 600 {
			t.Errorf("%s: got %d %.700s, want %d %s", test.name, got.status, got.body, test.status, test.want)
		}
	}
	if got := (rawCall{url: w.aggregators[0].http + service + "Nothing", contentType: "application/json"}).do(t, a); got.status != http.StatusNotFound {
		t.Errorf("unknown method: got %+v, want 404", got)
	}
}

// TestReflectionNamesTheService keeps grpcurl at work beside the service's own codec.
func TestReflectionNamesTheService(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	conn := must(grpc.NewClient(w.aggregators[0].grpc, grpc.WithTransportCredentials(insecure.NewCredentials())))(t)
	defer func() { _ = conn.Close() }() // nobody waits for it
	ask := func(r *grpc_reflection_v1.ServerReflectionRequest) *grpc_reflection_v1.ServerReflectionResponse {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		stream := must(grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx))(t)
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
		return must(stream.Recv())(t)
	}
	list := ask(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}})
	var names []string
	for _, s := range list.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	const name = "rollcall.sync.v1.SyncService"
	if !slices.Contains(names, name) {
		t.Errorf("services: got %v", names)
	}
	file := ask(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: name},
	})
	if len(file.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
		t.Errorf("description of the service: got %v", file)
	}
}
