// SPDX-License-Identifier: Apache-2.0

package ingest

import "github.com/rollcall-inventory/rollcall/aggregator/internal/commit"

const (
	// maxKinds bounds the sections of one message: more than the model has.
	maxKinds = 256
	// maxKindBytes bounds the name of a kind.
	maxKindBytes = 64
)

// checkKind refuses what cannot be the name of a kind, known to this program or not. Names come back in answers.
func checkKind(kind string) error {
	if kind == "" || len(kind) > maxKindBytes {
		return invalid("a kind's name has %d bytes, want 1 to %d", len(kind), maxKindBytes)
	}
	for i := range len(kind) {
		c := kind[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return invalid("%q is no name of a kind", kind)
		}
	}
	return nil
}

func tooManySections(n int) error {
	return exhausted("%d sections, the limit is %d", n, maxKinds)
}

func tooManyAssets() error {
	return exhausted("too many assets: the limit of a snapshot is %d", commit.MaxAssets)
}
