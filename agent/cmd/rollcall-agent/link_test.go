// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime/debug"
	"testing"
)

func TestTheAgentDoesNotLinkNativeGRPC(t *testing.T) {
	t.Parallel()
	info, ok := debug.ReadBuildInfo()
	if !ok || len(info.Deps) == 0 {
		t.Fatalf("the test's binary does not say what it is made of: %v", info)
	}
	for _, module := range info.Deps {
		if module.Path == "google.golang.org/grpc" {
			t.Errorf("%s %s is linked: a sixth of the binary, for a protocol that connect-go speaks as well", module.Path, module.Version)
		}
	}
}
