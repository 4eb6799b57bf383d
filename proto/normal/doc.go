// SPDX-License-Identifier: Apache-2.0

// Package normal holds the rules that agent and aggregator must apply alike: how an operating system's version is
// numbered and displayed, which platform, type and identity of a machine follow from the facts, and how a moment is
// spelled.
//
// Every function is pure and safe for concurrent use. The package reads no machine, no clock and no network, and it
// never guesses: what the rules do not decide stays unset.
package normal
