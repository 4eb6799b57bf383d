// SPDX-License-Identifier: Apache-2.0

// Package fleet models a synthetic fleet for load tests: what each of up to millions of machines has installed and
// how it is set up, on any day, as a pure function of (seed, machine, day). Nothing is kept per machine; the bodies and
// digests of packages are made once and shared by all machines, as real machines of one distribution share them.
//
// Linux machines (80 of 100) are built from a Debian package index: a role's seed packages with all that they depend
// on, then extras, about 2,000 packages in all. Windows (12) and macOS (8) machines have 200 to 400 invented programs.
// Packages get new releases day by day, together with their source package; a machine takes a release some days later,
// by its ring, so that the fleet's upgrades meet in the same assets. Once in ten days a machine changes in private.
//
// The package speaks no protocol and reads no files but package indexes that it is told to. It does not know which
// packages refuse to stand beside each other: a machine may hold two mail servers.
//
// compact.gz is a Debian index cut down to the facts that the model needs and to 12,000 packages: the roles' and those
// that most others depend on, with all that they depend on. Maintainers, home pages and summaries are left out and
// made up at the usual lengths. It is made anew from any index, plain or gzip, by
//
//	go test ./aggregator/internal/fleet -run TestCompact -update-from Packages
package fleet
