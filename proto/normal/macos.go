// SPDX-License-Identifier: Apache-2.0

package normal

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// ErrMacOSBuild is what MacOSFromBuild returns, wrapped, for text that is no build of OS X 10.8 or later.
var ErrMacOSBuild = errors.New("not a macOS build")

// macOSBuild is a build string: the major version of Darwin, a letter that counts the minor releases, a number, and
// a letter for seeds and rapid security responses.
var macOSBuild = regexp.MustCompile(`^([1-9][0-9])([A-Z])([0-9]{1,6})([a-z]?)$`)

// The major versions of Darwin at which the numbering changes.
const (
	darwinMountainLion = 12 // OS X 10.8
	darwinSierra       = 16 // macOS 10.12
	darwinBigSur       = 20 // macOS 11
	darwinTahoe        = 25 // macOS 26
)

// forkedBuilds is the first number of builds made for one model only. The number modulo 1000 places such a build
// among the others: 23B2082 goes with 23B81 and 23B82.
const forkedBuilds = 2000

// firstSeed is the first number of developers' seeds, which have a letter at the end: 24A5264n.
const firstSeed = 5000

// MacOSFromBuild returns name, numbers and build for a build string such as 24G419, where a source gives no more.
// It knows the builds of OS X 10.8 and later; the patch of a release that is not in the table is 0.
func MacOSFromBuild(build string) (*inventoryv1.OSVersion, error) {
	parts := macOSBuild.FindStringSubmatch(build)
	if parts == nil {
		return nil, fmt.Errorf("%q: %w", build, ErrMacOSBuild)
	}
	darwin, _ := strconv.Atoi(parts[1]) // two digits, by the expression
	number, _ := strconv.Atoi(parts[3]) // six digits at most
	if darwin < darwinMountainLion {
		return nil, fmt.Errorf("%q: Darwin %d is too old: %w", build, darwin, ErrMacOSBuild)
	}
	letter := parts[2][0]
	if darwin < darwinBigSur {
		return macOSTen(build, darwin, letter), nil
	}
	v := &inventoryv1.OSVersion{Name: proto.String("macOS"), Build: proto.String(build)}
	v.Major = proto.Int64(int64(macOSMajor(darwin)))
	number, v.Version = releasedBuild(build, number, parts[4])
	train := parts[1] + parts[2]
	v.Minor = proto.Int64(int64(macOSMinor(macOSMajor(darwin), train, letter, number)))
	v.Patch = proto.Int64(macOSPatches[train][number])
	return v, nil
}

// macOSTen numbers what was called 10.x: the letter counts the patches.
func macOSTen(build string, darwin int, letter byte) *inventoryv1.OSVersion {
	name := "OS X"
	if darwin >= darwinSierra {
		name = "macOS"
	}
	return &inventoryv1.OSVersion{
		Name:  proto.String(name),
		Major: proto.Int64(10),
		Minor: proto.Int64(int64(darwin - 4)),
		Patch: proto.Int64(int64(letter - 'A')),
		Build: proto.String(build),
	}
}

// macOSMajor is the number that macOS has had since 11.
func macOSMajor(darwin int) int {
	switch {
	case darwin >= darwinTahoe:
		return darwin + 1
	default:
		return darwin - 9
	}
}

// macOSMinor counts the letter, A being 0. Before 14 no release came with one of the first letters, and 14 skipped
// the I. The trains of the last letters changed their minor number on the way.
func macOSMinor(major int, train string, letter byte, number int) int {
	minor := int(letter - 'A')
	switch {
	case major < 14 && letter > 'A', major == 14 && letter >= 'J':
		minor--
	}
	for _, late := range lateTrains[train] {
		if number >= late.from {
			minor = late.minor
		}
	}
	return minor
}

// releasedBuild returns the number of the release that a build belongs to, and the suffix of a rapid security
// response. Such a response is built as 77, three digits of the release's number, 0, and a letter.
func releasedBuild(build string, number int, suffix string) (int, *string) {
	switch {
	case suffix != "" && number/10000 == 77:
		version, ok := responses[build]
		if !ok {
			version = "(" + suffix + ")"
		}
		return number / 10 % 1000, proto.String(version)
	case suffix != "" && number >= firstSeed:
		return 0, nil
	case number >= forkedBuilds:
		return number % 1000, nil
	default:
		return number, nil
	}
}
