// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Enrolments that come at once share transactions; each gets the answer it would get alone.
func TestEnrolmentsAtOnceAreAnsweredOneByOne(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	for name, quota := range map[string]int{"open": 0, "three": 3} {
		must(w.CreateEnrollment(ctx, store.NewEnrollment{Name: name, SecretDigest: auth.DigestOf(name), Quota: quota, Tags: []string{name}}))(t)
	}
	secrets := []string{"open", "three", "unknown", ""}
	outcomes := make([]error, 120)
	issued := make([]store.Credential, len(outcomes))
	var group errgroup.Group
	for i := range outcomes {
		group.Go(func() error {
			issued[i], outcomes[i] = w.issue(fmt.Sprintf("M-%03d", i/2), fmt.Sprint("credential ", i), secrets[i%4])
			return nil
		})
	}
	_ = group.Wait() // the outcomes have the errors
	counts := map[string]int{}
	for i, err := range outcomes {
		switch {
		case err == nil:
			counts[secrets[i%4]]++
			if want := fmt.Sprintf("M-%03d", i/2); issued[i].Serial != want {
				t.Errorf("credential %d: got one of %s, want %s", i, issued[i].Serial, want)
			}
		case errors.Is(err, store.ErrQuotaUsedUp):
			counts["refused"]++
		case !errors.Is(err, store.ErrUnknownSecret):
			t.Errorf("credential %d: %v", i, err)
		}
	}
	if counts["open"] != 30 || counts["three"] != 3 || counts[""] != 30 || counts["refused"] != 27 || counts["unknown"] != 0 {
		t.Errorf("got %v", counts)
	}
	for _, e := range must(w.ListEnrollments(ctx))(t) {
		if want := map[string]int{"open": 30, "three": 3}[e.Name]; e.RequestCount != want {
			t.Errorf("%s was used %d times, want %d", e.Name, e.RequestCount, want)
		}
	}
}

func TestACredentialThatCannotBeStoredFailsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(w.issue("M-1", "taken", ""))(t)
	outcomes := make([]error, 40)
	var group errgroup.Group
	for i := range outcomes {
		credential := fmt.Sprint("credential ", i)
		if i%10 == 0 {
			credential = "taken" // its digest is unique
		}
		group.Go(func() error {
			_, outcomes[i] = w.issue(fmt.Sprint("N-", i), credential, "")
			return nil
		})
	}
	_ = group.Wait() // the outcomes have the errors
	for i, err := range outcomes {
		if (err != nil) != (i%10 == 0) {
			t.Errorf("credential %d: %v", i, err)
		}
	}
}

func TestEndedCredentialsAreFound(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	none, since, err := w.EndedCredentials(ctx, time.Time{})
	if err != nil || len(none) != 0 {
		t.Fatalf("got %d, %v", len(none), err)
	}
	must(w.issue("M-1", "kept", ""))(t)
	frozen, revoked := must(w.issue("M-2", "frozen", ""))(t), must(w.issue("M-3", "revoked", ""))(t)
	must(w.Freeze(ctx, frozen.ID, store.Conflict{Why: "a test"}))(t)
	if err := w.RevokeCredential(ctx, revoked.ID); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what ended a moment ago comes again: its transaction could have been late
		var ended []auth.Digest
		if ended, since, err = w.EndedCredentials(ctx, since); err != nil {
			t.Fatal(err)
		}
		if len(ended) != 2 || !slices.Contains(ended, auth.DigestOf("frozen")) || !slices.Contains(ended, auth.DigestOf("revoked")) {
			t.Errorf("got %d ended credentials, want the frozen and the revoked one", len(ended))
		}
	}
}
