// SPDX-License-Identifier: Apache-2.0

package fleet

// The aspects of a machine that change in private.
const (
	aspectAddress = iota
	aspectUser
	aspectPort
	aspectFilesystem
	aspectDisk
	aspects
)

// changePeriod is how many days there are for each private change.
const changePeriod = 10

// changes returns how many private changes the machine has seen by day: one in each period, on a day by the die.
func (m Machine) changes(day int) int {
	period := day / changePeriod
	if day%changePeriod >= m.die.of(saltChangeDay).of(period).n(changePeriod) {
		return period + 1
	}
	return period
}

// generations counts how often each aspect has changed by day.
func (m Machine) generations(day int) (g [aspects]int) {
	for i := range m.changes(day) {
		switch n := m.die.of(saltAspect).of(i).n(100); {
		case n < 45:
			g[aspectAddress]++
		case n < 70:
			g[aspectUser]++
		case n < 85:
			g[aspectPort]++
		case n < 95:
			g[aspectFilesystem]++
		default:
			g[aspectDisk]++
		}
	}
	return g
}
