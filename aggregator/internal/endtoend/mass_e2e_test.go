// SPDX-License-Identifier: Apache-2.0

//go:build linux && e2e

package endtoend_test

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// TestE2EMassOperations is a minute of TestManyClientsChangeTheSameMachines.
func TestE2EMassOperations(t *testing.T) { massOperationsFor(t, time.Minute) }

// TestSoakMassOperations is TestE2EMassOperations for make soak.
func TestSoakMassOperations(t *testing.T) {
	minutes, err := strconv.Atoi(os.Getenv("SOAK_MINUTES"))
	if err != nil || minutes < 1 {
		t.Skip("a soak test: make soak MINUTES=10")
	}
	massOperationsFor(t, time.Duration(minutes)*time.Minute)
}

func massOperationsFor(t *testing.T, length time.Duration) {
	t.Helper()
	massOperations(t, func(_ int, begin time.Time) bool { return time.Since(begin) < length })
}
