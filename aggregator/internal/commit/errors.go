// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"fmt"
	"strings"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// ConflictError says that two agent processes use one credential at the same time.
type ConflictError struct {
	Newcomer []byte // the process that has to enrol under another identity
}

func (e *ConflictError) Error() string { return "two agents use one credential at the same time" }

// InvalidError says what is wrong with a push. Nothing was written.
type InvalidError struct {
	Kind   string // the section; empty when it is not about one
	Reason string
	Limit  bool // too much of something that is fine otherwise
}

func (e *InvalidError) Error() string {
	if e.Kind == "" {
		return e.Reason
	}
	return "section " + e.Kind + ": " + e.Reason
}

// BaseError says that a delta was made against something else than the head's sections.
type BaseError struct {
	Kinds []string                // of the push whose base is not the head's
	Bases map[string]asset.Digest // digests of the head's sections
}

func (e *BaseError) Error() string {
	return "base of " + strings.Join(e.Kinds, ", ") + " is not the head's section"
}

// StaleError says that a request came after one with a higher counter.
type StaleError struct {
	Counter uint64 // last accepted
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("counter is behind: the last accepted one is %d", e.Counter)
}

// MissingError says that a push names assets which the dictionary lacks and which it does not bring.
type MissingError struct {
	Kind string
	IDs  []asset.ID
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("section %s: %d assets are named without a body and are not known", e.Kind, len(e.IDs))
}

// KindError says that a push holds kinds that this program does not know.
type KindError struct{ Kinds []string }

func (e *KindError) Error() string {
	return "unknown kinds: " + strings.Join(e.Kinds, ", ")
}

// invalid returns an InvalidError about a section.
func invalid(kind, format string, args ...any) error {
	return &InvalidError{Kind: kind, Reason: fmt.Sprintf(format, args...)}
}
