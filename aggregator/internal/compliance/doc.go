// SPDX-License-Identifier: Apache-2.0

// Package compliance holds the compliance check and evaluates its JMESPath
// expression over one machine's normalised snapshot tree. It is pure: it knows
// no database, no clock and no network, and it never changes the tree it reads.
//
// # Language
//
// Expressions are parsed by go-jmespath and evaluated here, because a fleet
// needs three things that library does not offer: an evaluation that ends after
// a known amount of work, one that leaves the shared tree alone (its sort_by
// sorts the tree itself), and answers that are the same on every run (the order
// of keys, values and wildcards over an object is by key here). Two strings may
// be ordered with <, <=, > and >=, which is what lets an expression compare
// dates; a test holds everything else against the library.
//
// # What is looked at
//
// A machine has thousands of rows, and most expressions ask for a few of them. So
// the keys that an expression reads are known when it is compiled ([Expression]'s
// Reads), and so is whether it can tell that rows lack their install times. Over a
// [Tree], a filter that begins with a name, as deb_packages[?name=='bash'], is
// given the rows of that name only. Nothing of this changes a result or what it
// costs from the budget; tests hold it against the evaluation of the whole tree.
//
// # Bounds
//
// An expression is at most maxExpressionBytes long, nests brackets at most
// maxNesting deep before the parser sees it and gives a syntax tree at most
// maxDepth deep. Names and numbers of arguments of functions are checked when it
// is compiled. An evaluation may take maxSteps steps: each visit of a node of the
// expression is one, and whatever touches more than a constant number of values
// or bytes (comparing, flattening, sorting, joining, printing) is charged for
// them before it does so. Past the budget the result is UNKNOWN with
// [ErrBudget]. The bound counts work, not time, so that a busy server and an
// idle one give one answer; no goroutine is started and none is left behind.
package compliance
