// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1grpc"
)

// client is the service as any client library sees it; credentials travel in contexts.
type client interface {
	Enroll(context.Context, *syncv1.EnrollRequest) (*syncv1.EnrollResponse, error)
	CheckIn(context.Context, *syncv1.CheckInRequest) (*syncv1.CheckInResponse, error)
	Missing(context.Context, *syncv1.MissingRequest) (*syncv1.MissingResponse, error)
	PushDelta(context.Context, *syncv1.PushDeltaRequest) (*syncv1.PushDeltaResponse, error)
	PushAll(context.Context, []*syncv1.PushSectionsRequest) (*syncv1.PushSectionsResponse, error)
	Goodbye(context.Context, *syncv1.GoodbyeRequest) (*syncv1.GoodbyeResponse, error)
}

// withCredential returns a context for one call of either library.
func withCredential(ctx context.Context, credential string) context.Context {
	if credential == "" {
		return ctx
	}
	ctx, info := connect.NewClientContext(ctx)
	info.RequestHeader().Set("Authorization", "Bearer "+credential)
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+credential)
}

// connectClient is connect-go's generated client.
type connectClient struct {
	syncv1connect.SyncServiceClient
}

func connectTo(t *testing.T, url string, http2 bool, options ...connect.ClientOption) client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	options = append(options, connect.WithSendGzip())
	return connectClient{syncv1connect.NewSyncServiceClient(&http.Client{Transport: transport}, url, options...)}
}

func (c connectClient) PushAll(ctx context.Context, messages []*syncv1.PushSectionsRequest) (*syncv1.PushSectionsResponse, error) {
	stream, err := c.PushSections(ctx)
	if err != nil {
		return nil, err
	}
	for _, message := range messages {
		if err := stream.Send(message); errors.Is(err, io.EOF) {
			break // the answer says why
		} else if err != nil {
			return nil, err
		}
	}
	return stream.CloseAndReceive()
}

// grpcClient is grpc-go's generated client.
type grpcClient struct{ generated syncv1grpc.SyncServiceClient }

func dialGRPC(t *testing.T, address string) client {
	conn := must(grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials())))(t)
	t.Cleanup(func() { _ = conn.Close() }) // nobody waits for it
	return grpcClient{syncv1grpc.NewSyncServiceClient(conn)}
}

func (c grpcClient) Enroll(ctx context.Context, r *syncv1.EnrollRequest) (*syncv1.EnrollResponse, error) {
	return c.generated.Enroll(ctx, r)
}

func (c grpcClient) CheckIn(ctx context.Context, r *syncv1.CheckInRequest) (*syncv1.CheckInResponse, error) {
	return c.generated.CheckIn(ctx, r)
}

func (c grpcClient) Missing(ctx context.Context, r *syncv1.MissingRequest) (*syncv1.MissingResponse, error) {
	return c.generated.Missing(ctx, r)
}

func (c grpcClient) PushDelta(ctx context.Context, r *syncv1.PushDeltaRequest) (*syncv1.PushDeltaResponse, error) {
	return c.generated.PushDelta(ctx, r)
}

func (c grpcClient) Goodbye(ctx context.Context, r *syncv1.GoodbyeRequest) (*syncv1.GoodbyeResponse, error) {
	return c.generated.Goodbye(ctx, r)
}

func (c grpcClient) PushAll(ctx context.Context, messages []*syncv1.PushSectionsRequest) (*syncv1.PushSectionsResponse, error) {
	stream, err := c.generated.PushSections(ctx)
	if err != nil {
		return nil, err
	}
	for _, message := range messages {
		if err := stream.Send(message); errors.Is(err, io.EOF) {
			break // the answer says why
		} else if err != nil {
			return nil, err
		}
	}
	return stream.CloseAndRecv()
}

// refusal is a refused call, as either library reports it.
type refusal struct {
	code    connect.Code
	message string
	detail  *syncv1.Refusal
}

// refusalOf reads an error of a client.
func refusalOf(err error) refusal {
	var refused *connect.Error
	if errors.As(err, &refused) {
		r := refusal{code: refused.Code(), message: refused.Message()}
		for _, d := range refused.Details() {
			if value, err := d.Value(); err == nil {
				r.detail, _ = value.(*syncv1.Refusal)
			}
		}
		return r
	}
	st := status.Convert(err)
	r := refusal{code: connect.Code(st.Code()), message: st.Message()}
	for _, d := range st.Details() {
		r.detail, _ = d.(*syncv1.Refusal)
	}
	return r
}
