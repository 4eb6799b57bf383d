// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/postgres"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

// TestExportReadsTheReplica runs the program with --replica-url: the metrics say that an export came from there, and it
// has every package.
func TestExportReadsTheReplica(t *testing.T) {
	t.Parallel()
	primary := storetest.Cluster(t, postgres.Ephemeral())
	replica := storetest.Replica(t, primary, postgres.Ephemeral())
	s := startSite(&site{t: t, database: primary.DSN(), args: []string{"--replica-url", replica.DSN()}})
	token := s.must("token", "create", "--name", "test", "--role", "admin")
	const packages = 60
	e := newEndpoint(t, packages)
	e.enroll(s.url, s.must("enrollment", "create", "--name", "test"))
	serial := e.mustOnce().SerialNumber

	rows := 0
	err := wait(startLimit, func() (bool, error) { // the replica may be used, or know the machine, only in a moment
		export, err := s.text(token, "/api/v1/exports/deb_packages.csv")
		if err != nil {
			return false, err
		}
		if rows = strings.Count(export, serial); rows != packages {
			return false, nil
		}
		metrics, err := s.text(token, "/metrics")
		return strings.Contains(metrics, "\nrollcall_replica_used 1\n") &&
			!strings.Contains(metrics, "\nrollcall_replica_batches_total 0\n"), err
	})
	if err != nil {
		t.Errorf("%v; the last export had %d packages of %d", err, rows, packages)
	}
}

// text reads from the API.
func (s *site) text(token, path string) (string, error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.url+path, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", path, response.Status, body)
	}
	return string(body), err
}
