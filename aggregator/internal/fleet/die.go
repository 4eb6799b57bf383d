// SPDX-License-Identifier: Apache-2.0

package fleet

import "math/bits"

// die is 64 random bits from which further ones follow by a salt: the same seed and salts give the same bits on every
// machine and in every release of Go. The model decides everything by dice and whole numbers.
type die uint64

// What a die is thrown for.
const (
	saltMachine = iota
	saltOwn
	saltPlatform
	saltRole
	saltEC2
	saltLaptop
	saltRing
	saltStraggler
	saltLag
	saltClone
	saltTarget
	saltExtra
	saltFill
	saltCalendar
	saltActivity
	saltRelease
	saltPatch
	saltProvisioned
	saltBatch
	saltClock
	saltChangeDay
	saltAspect
	saltModel
	saltUUID
	saltMachineID
	saltInstance
	saltAddress
	saltHardware
	saltPeople
	saltSchedule
	saltText
	saltWeight
)

// of returns the die that follows from this one by a salt.
func (d die) of(salt int) die {
	x := uint64(d) + (uint64(salt)+1)*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return die(x ^ x>>31)
}

// n returns a number from 0 to limit-1; limit is above 0.
func (d die) n(limit int) int {
	high, _ := bits.Mul64(uint64(d), uint64(limit))
	return int(high)
}

// dieOf returns the die of a text.
func dieOf(text string) die {
	d := die(len(text))
	for i := range len(text) {
		d = d.of(int(text[i]))
	}
	return d
}
