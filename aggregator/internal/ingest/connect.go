// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
)

// Handler returns the path and the handler of the Connect listener.
func (s *Service) Handler() (string, http.Handler) {
	const path = "/" + syncv1connect.SyncServiceName + "/"
	options := []connect.HandlerOption{connect.WithReadMaxBytes(maxMessageBytes), withLimitedGzip(), connect.WithRequestGate(admit)}
	for _, codec := range connectCodecs {
		options = append(options, connect.WithCodec(codec))
	}
	handlers := map[string]http.Handler{}
	for _, m := range s.methods() {
		handlers[m.name] = connectHandler(path+m.name, m, options)
	}
	return path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, path)
		handler, ok := handlers[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		c := &call{service: s, method: name, transport: "connect", started: time.Now()}
		controller := http.NewResponseController(w)
		c.stop = func() { _ = controller.SetReadDeadline(time.Now()) } // a connection that has none has a sender that waits for us
		defer c.end()
		r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
		r.Body = body{r.Body, c}
		handler.ServeHTTP(w, r)
	})
}

// body is the body of a call, whose reader may be cut off.
type body struct {
	io.ReadCloser
	call *call
}

// Read implements io.Reader. Connect hands its own errors on as they are.
func (b body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && b.call.late.Load() {
		err = tooSlow()
	}
	return n, err
}

// admit runs when the headers of a call are known and nothing of its messages was read.
func admit(ctx context.Context, spec connect.Spec, peer connect.Peer, header http.Header) (context.Context, error) {
	c := callOf(ctx)
	c.peer, c.proxied = origin(peer.Addr, header, c.service.options.TrustedProxies)
	c.authorization = header.Get("Authorization")
	if err := c.admit(ctx); err != nil {
		return ctx, c.finish(err)
	}
	if spec.StreamType != connect.StreamTypeUnary {
		return ctx, nil
	}
	if err := c.beginReceiving(ctx); err != nil { // the only message is received before the handler runs
		return ctx, c.finish(err)
	}
	return ctx, nil
}

// connectHandler serves one method.
func connectHandler(procedure string, m method, options []connect.HandlerOption) http.Handler {
	if m.streams {
		return connect.NewClientStreamHandlerSimple(procedure, func(ctx context.Context, stream *connect.ClientStream[frame]) (*connectAnswer, error) {
			return answer(ctx, m, func() (*frame, error) {
				if err := callOf(ctx).beginReceiving(ctx); err != nil {
					return nil, err
				}
				if stream.Receive() {
					return stream.Msg(), nil
				}
				if err := stream.Err(); err != nil {
					return nil, err
				}
				return nil, io.EOF
			})
		}, options...)
	}
	return connect.NewUnaryHandlerSimple(procedure, func(ctx context.Context, f *frame) (*connectAnswer, error) {
		return answer(ctx, m, func() (*frame, error) { return f, nil })
	}, options...)
}

// connectAnswer is a response; Connect wants a type of its own for it.
type connectAnswer struct{ message proto.Message }

// answer runs a method behind the Connect listener.
func answer(ctx context.Context, m method, receive receiver) (*connectAnswer, error) {
	c := callOf(ctx)
	message, err := c.serve(ctx, m, receive)
	if err := c.finish(err); err != nil {
		return nil, err
	}
	return &connectAnswer{message}, nil
}
