// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

func TestEverybodyHasOneDryRunAtATime(t *testing.T) {
	t.Parallel()
	var all turns
	begin := func(id int64) (func(), error) {
		ctx := auth.WithPrincipal(t.Context(), auth.Principal{Kind: auth.User, ID: id})
		return all.begin(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil))
	}
	refused := func(err error) bool {
		problem, ok := errors.AsType[*api.Problem](err)
		return ok && problem.Status == http.StatusTooManyRequests
	}
	var done []func()
	for id := range int64(maxDryRuns) {
		end, err := begin(id)
		if err != nil {
			t.Fatal(err)
		}
		done = append(done, end)
	}
	for _, id := range []int64{0, maxDryRuns} {
		if _, err := begin(id); !refused(err) {
			t.Errorf("%d: got %v", id, err)
		}
	}
	done[0]()
	if _, err := begin(0); err != nil {
		t.Errorf("after the end of the first: got %v", err)
	}
}
