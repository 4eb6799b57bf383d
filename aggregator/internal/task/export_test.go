// SPDX-License-Identifier: Apache-2.0

package task

import "time"

// Hurry makes a queue take silent runs for dead sooner, and look after tasks more often.
func (q *Queue) Hurry(dead, tending time.Duration) { q.dead, q.tending = dead, tending }

// Tend looks after the tasks once.
var Tend = (*Queue).tendOnce

// PartitionsAhead is for how many weeks the change log gets room.
const PartitionsAhead = partitionsAhead
