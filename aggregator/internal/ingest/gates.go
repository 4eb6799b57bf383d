// SPDX-License-Identifier: Apache-2.0

package ingest

// gates are where calls wait for their turn, by what they cost. Each kind has slots of its own, so that a storm of one
// kind leaves room for the others.
type gates struct {
	checkIns    *gate // waiting for the batch that writes them
	queries     *gate // what a check-in asks beside its batches: its credential, its head
	deltas      *gate // commits of changes
	sections    *gate // commits of whole sections, and what precedes them
	enrollments *gate // with a secret that is known
	secrets     *gate // secrets that were not seen before: whoever guesses meets nobody but other guessers

	small *intake // messages of check-ins and the like
	large *intake // messages of pushes
}

const (
	// maxCheckIns bounds the check-ins that wait for their batch: some milliseconds of work, and 100 MB.
	maxCheckIns = 8192
	// Queues: about a second of work each, so that nobody waits long for a refusal. A restarted aggregator looks the
	// credentials of a whole fleet up, hence the length of the queue for queries.
	queuedQueries     = 8192
	queuedDeltas      = 256
	queuedSections    = 64
	queuedEnrollments = 256
)

// newGates shares out so many connections to the database. When all gates are full at once they take every one of them:
// batches and readers then wait in line for the next that is free, some milliseconds.
func newGates(connections int, watch func(name string) gateWatch) *gates {
	of16 := func(n int) int { return max(2, connections*n/16) }
	g := &gates{
		checkIns:    newGate("check_in", maxCheckIns, 0),
		queries:     newGate("query", of16(3), queuedQueries),
		deltas:      newGate("delta", of16(6), queuedDeltas),
		sections:    newGate("sections", of16(4), queuedSections),
		enrollments: newGate("enroll", of16(3), queuedEnrollments),
		secrets:     newGate("secret", 2, queuedEnrollments),
		small:       newIntake("receive_small", smallIntake, queuedSmall, stalledSmall),
		large:       newIntake("receive_large", largeIntake, queuedLarge, stalledLarge),
	}
	for _, gate := range g.all() {
		gate.watch = watch(gate.name)
	}
	return g
}

func (g *gates) all() []*gate {
	return []*gate{g.checkIns, g.queries, g.deltas, g.sections, g.enrollments, g.secrets, g.small.gate, g.large.gate}
}

// work returns the gate before the work of a method, which is asked again once its messages are here.
func (g *gates) work(method string) *gate {
	switch method {
	case checkInMethod, goodbyeMethod:
		return g.checkIns
	case enrollMethod:
		return g.enrollments
	case pushDeltaMethod:
		return g.deltas
	default:
		return g.sections
	}
}

// intake returns where the messages of a method are received.
func (g *gates) intake(method string) *intake {
	switch method {
	case checkInMethod, goodbyeMethod, enrollMethod:
		return g.small
	default:
		return g.large
	}
}
