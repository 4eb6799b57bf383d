// SPDX-License-Identifier: Apache-2.0

// Package endtoend holds the tests of the whole: the sync protocol against a model of agents and a network that may do
// anything, and the real programs with their own PostgreSQL, killed, attacked, watched and measured.
//
// It has no code outside its tests, and they know no package's insides: they see what an agent, an operator or a reader
// of the API sees.
package endtoend
