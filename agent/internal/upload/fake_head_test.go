// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"bytes"
	"errors"
	"fmt"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// take stores bodies and returns their digests.
func (f *fake) take(kind string, bodies [][]byte) []asset.Digest {
	var digests []asset.Digest
	for _, body := range bodies {
		d := asset.Of(kind, body)
		if shared(kind) {
			f.dict[d.ID()] = body
		}
		digests = append(digests, d)
	}
	return digests
}

// order holds a stamp against the last accepted one.
func (f *fake) order(stamp *syncv1.Stamp, resync bool) error {
	if stamp.GetCounter() <= f.counter {
		err := connect.NewError(connect.CodeAborted, errors.New("counter is behind"))
		detail, _ := connect.NewErrorDetail(&syncv1.Refusal{Reason: syncv1.RefusalReason_REFUSAL_REASON_STALE, Counter: f.counter})
		err.AddDetail(detail)
		return err
	}
	if !resync && f.instance != nil && len(stamp.GetInstance()) != 16 {
		return connect.NewError(connect.CodeInvalidArgument, errors.New("no instance"))
	}
	f.counter, f.instance = stamp.GetCounter(), stamp.GetInstance()
	return nil
}

func (f *fake) verify(kind string, digests []asset.Digest, want []byte) error {
	if d := snapshot.Digest(kind, digests); !bytes.Equal(d[:16], want) {
		return connect.NewError(connect.CodeInvalidArgument, fmt.Errorf("section %s has digest %s", kind, d))
	}
	return nil
}

// commit makes next the head when it has the root that the push named.
func (f *fake) commit(next map[string][]asset.Digest, want []byte) ([]byte, error) {
	before := f.head
	f.head = next
	root := f.root()
	if !bytes.Equal(root[:], want) {
		f.head = before
		return nil, refusal(connect.CodeFailedPrecondition, syncv1.RefusalReason_REFUSAL_REASON_BASE_UNKNOWN, f.bases(nil)...)
	}
	return root[:], nil
}

func (f *fake) root() asset.Digest {
	digests := map[string]asset.Digest{}
	for kind, assets := range f.head {
		digests[kind] = snapshot.Digest(kind, assets)
	}
	return snapshot.Root(digests)
}

func (f *fake) copyHead() map[string][]asset.Digest {
	next := map[string][]asset.Digest{}
	for kind, digests := range f.head {
		next[kind] = digests
	}
	return next
}

// refusal is an error that the agent can act on.
func refusal(code connect.Code, reason syncv1.RefusalReason, bases ...*syncv1.SectionDigest) error {
	err := connect.NewError(code, errors.New(reason.String()))
	detail, _ := connect.NewErrorDetail(&syncv1.Refusal{Reason: reason, Bases: bases, RetryMilliseconds: 1500})
	err.AddDetail(detail)
	return err
}
