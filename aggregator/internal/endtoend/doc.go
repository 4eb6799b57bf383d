// SPDX-License-Identifier: Apache-2.0

// Package endtoend holds the tests of the whole: the sync protocol against a model of agents and a network that may do
// anything, and the real programs with their own PostgreSQL, killed, attacked, watched and measured.
//
// It has no code outside its tests. They act as agents, operators and readers of the API; only to find out what came of
// it do they look into the database.
package endtoend
