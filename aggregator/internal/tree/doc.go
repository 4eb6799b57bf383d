// SPDX-License-Identifier: Apache-2.0

// Package tree knows the normalised snapshot tree: the JSON object that stands
// for what one source said about one machine, and that compliance checks,
// exports and the API see.
//
// [Parse] turns a submitted tree into sections, refusing everything the model
// does not know. [Cache.Tree] and [JSON] go the other way: they put sections and the
// keys that only the aggregator knows back together, for checks and for readers.
// A [Tree] does so for the parts that somebody looks at. [Infer] computes two of
// those keys.
//
// The package is pure. It reads no database and no clock, and it stores nothing
// but, in a [Cache], decoded bodies.
//
// # Shape
//
// A key is a field of inventoryv1.Snapshot. A section of rows is a list, ordered
// by the rows' name and then by their bytes, so that people can read it and that
// one snapshot always gives one tree; any other section is its one value. Empty
// sections have no key. The install times that travel apart from their rows are
// back in them, and install_times is not a key.
package tree
