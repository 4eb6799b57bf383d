// SPDX-License-Identifier: Apache-2.0

// Package floors holds no code. Its test is the fence between the packages of the aggregator: each stands on a floor,
// imports only point down, and on the floors of features no package imports its neighbour. A package that is not in
// the test's table fails it, so that a new package gets its floor on the day it is made.
package floors
