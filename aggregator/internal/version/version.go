// SPDX-License-Identifier: Apache-2.0

// Package version orders version numbers the way each kind's ecosystem does: 1.10 after 1.9, 1.0~rc1 before 1.0.
//
// Every order is a total preorder on the versions that it understands: for those, comparing is antisymmetric and
// transitive, so they can be sorted and searched. Where a tool's own comparison is not (an rpm or pacman version without
// a release equals every release of it; Maven's treats a 0 in the middle one way or another), the order's file says what
// holds here. A version that an order does not understand has no place in it: it is neither older nor newer than
// another, and not equal to any. Who lists what is older than a version leaves such ones out, and says how many.
//
// The package does no input or output, keeps nothing and hardly allocates.
package version

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// maxBytes is the length of the longest version that is compared.
const maxBytes = 256

// ErrNoOrder is returned for kinds whose versions have no order. Kinds lists those that have one.
var ErrNoOrder = errors.New("versions of this kind have no order")

// ErrMalformed is returned for a version that its kind's order does not understand.
var ErrMalformed = errors.New("malformed version")

// order is one way to compare versions. compare sees only versions that check accepted.
type order struct {
	name    string // what texts call its versions, with the article
	check   func(v string) error
	compare func(a, b string) int
}

var (
	dpkg     = order{"a dpkg", checkDeb, compareDeb}
	rpm      = order{"an rpm", checkRPM, compareRPM}
	apk      = order{"an apk", checkAPK, compareAPK}
	pacman   = order{"a pacman", checkPacman, comparePacman}
	pep440   = order{"a PEP 440", checkPEP440, comparePEP440}
	semantic = order{"a semantic", checkSemantic, compareSemantic}
	gem      = order{"a gem", checkGem, compareGem}
	maven    = order{"a Maven", checkMaven, compareMaven}
	natural  = order{"a comparable", checkNatural, compareNatural}
)

// orders says which kind is ordered how.
var orders = map[string]order{
	"android_apps":       natural,
	"apk_packages":       apk,
	"brew_packages":      natural,
	"browser_extensions": natural,
	"deb_packages":       dpkg,
	"flatpak_apps":       natural,
	"gem_packages":       gem,
	"go_binaries":        semantic,
	"ios_apps":           natural,
	"java_components":    maven,
	"npm_packages":       semantic,
	"osx_app_instances":  natural,
	"pacman_packages":    pacman,
	"program_instances":  natural,
	"python_packages":    pep440,
	"receipts":           natural,
	"rpm_packages":       rpm,
	"security_products":  natural,
	"snap_packages":      natural,
	"windows_store_apps": natural,
}

// Kinds lists the kinds whose versions have an order, sorted; the caller owns the slice.
func Kinds() []string {
	return slices.Sorted(maps.Keys(orders))
}

// Supports says whether the kind's versions have an order.
func Supports(kind string) bool {
	_, ok := orders[kind]
	return ok
}

// Check says why a version of that kind cannot be compared: ErrMalformed, wrapped with the version and the reason, or
// ErrNoOrder. Two versions that pass compare without an error.
func Check(kind, v string) error {
	o, ok := orders[kind]
	if !ok {
		return fmt.Errorf("%s: %w", kind, ErrNoOrder)
	}
	return o.accept(v)
}

// Compare returns -1, 0 or +1: a is older than b, as old, or newer. Versions that are equally old may be spelled
// differently. Its errors are those of Check, for a before b.
func Compare(kind, a, b string) (int, error) {
	o, ok := orders[kind]
	if !ok {
		return 0, fmt.Errorf("%s: %w", kind, ErrNoOrder)
	}
	if err := o.accept(a); err != nil {
		return 0, err
	}
	if err := o.accept(b); err != nil {
		return 0, err
	}
	return o.compare(a, b), nil
}

// accept refuses what the order does not understand, with an error that names it.
func (o order) accept(v string) error {
	switch {
	case v == "":
		return fmt.Errorf("%w: it is empty", ErrMalformed)
	case len(v) > maxBytes:
		return fmt.Errorf("%w: %q… has %d bytes, more than %d", ErrMalformed, v[:32], len(v), maxBytes)
	}
	if err := o.check(v); err != nil {
		return fmt.Errorf("%w: %q is not %s version: %w", ErrMalformed, v, o.name, err)
	}
	return nil
}
