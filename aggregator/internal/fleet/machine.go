// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// Machine is one machine of a fleet; it is a small value without state.
type Machine struct {
	Index    int
	Platform string // LINUX, MACOS or WINDOWS
	Role     string // web, database, build, kubernetes, desktop, gpu, mail, minimal; office, server; mac
	// Ring is from 0 to 3: the machine takes a release 0, 1, 3 or 7 days after it came.
	Ring int
	// Straggler machines take releases after 30 to 89 days, whatever their ring.
	Straggler bool
	Laptop    bool
	EC2       bool
	CloneOf   int // the machine that this one is a copy of, -1 for none

	fleet *Fleet
	line  *line
	role  *role
	die   die // of what a clone shares with its original
	own   die // of what it does not
	lag   int // days
}

// Machine returns machine i, from 0 to Len()-1.
func (f *Fleet) Machine(i int) Machine {
	m := Machine{Index: i, CloneOf: -1, fleet: f, own: f.die.of(saltOwn).of(i)}
	origin := i
	if i >= f.options.Machines {
		m.CloneOf = f.original(i - f.options.Machines)
		origin = m.CloneOf
	}
	m.die = f.die.of(origin)
	m.line = &f.lines[platformOf(m.die.of(saltPlatform).n(100))]
	m.Platform = m.line.platform
	m.role = m.line.roleOf(m.die)
	m.Role = m.role.name
	m.Laptop = m.die.of(saltLaptop).n(100) < m.role.laptops
	// Servers are 64 of 100 machines, so that 10 of 100 are in the cloud.
	m.EC2 = m.line.platform == "LINUX" && m.role.laptops == 0 && m.die.of(saltEC2).n(1000) < 156
	m.setRing()
	return m
}

// setRing decides how soon the machine takes releases.
func (m *Machine) setRing() {
	lags := [...]int{0, 1, 3, 7}
	switch n := m.die.of(saltRing).n(100); {
	case n < 5:
		m.Ring = 0
	case n < 20:
		m.Ring = 1
	case n < 50:
		m.Ring = 2
	default:
		m.Ring = 3
	}
	m.lag = lags[m.Ring]
	if m.die.of(saltStraggler).n(100) < 2 {
		m.Straggler, m.lag = true, 30+m.die.of(saltLag).n(60)
	}
}

// origin is the index of the machine that the disk's content comes from.
func (m Machine) origin() int {
	if m.CloneOf >= 0 {
		return m.CloneOf
	}
	return m.Index
}

// Evidence returns what the machine tells of its identity: a cloud instance id where it is in EC2, the firmware's
// serial number elsewhere, beside UUID and machine id. A clone tells what its original does.
func (m Machine) Evidence() *syncv1.Evidence {
	e := &syncv1.Evidence{HardwareSerial: m.serial(), ProductUuid: m.uuid(), MachineIdHash: m.machineID()}
	if m.EC2 {
		e.CloudInstanceId = "EC2-" + m.instanceID()
	}
	return e
}

// serial is the firmware's serial number; that of an instance in EC2 is its UUID.
func (m Machine) serial() string {
	if m.EC2 {
		return m.uuid()
	}
	return fmt.Sprintf("FLT%04X%07d", m.fleet.options.Seed&0xffff, m.origin())
}

func (m Machine) uuid() string {
	a, b := uint64(m.die.of(saltUUID)), uint64(m.die.of(saltUUID).of(1))
	if m.EC2 {
		a = a>>12 | 0xec2<<52
	}
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0xfff, b&0xffffffffffff)
}

// machineID stands for the hash of machine-id(5), of which nobody sees the origin.
func (m Machine) machineID() string {
	d := m.die.of(saltMachineID)
	return fmt.Sprintf("%016x%016x%016x%016x", uint64(d), uint64(d.of(1)), uint64(d.of(2)), uint64(d.of(3)))
}

func (m Machine) instanceID() string { return fmt.Sprintf("i-0%016x", uint64(m.die.of(saltInstance))) }

// Hostname returns the machine's name: its role and number. A clone has one of its own.
func (m Machine) Hostname() string { return fmt.Sprintf("%s-%06d", m.Role, m.Index) }

// Awake tells whether the machine runs in a minute of the day, from 0 to 1439. Laptops sleep but for a working day of
// their own, with a break; all others always run.
func (m Machine) Awake(minute int) bool {
	if !m.Laptop {
		return true
	}
	d := m.own.of(saltSchedule)
	begin := 6*60 + d.n(5*60)
	worked := minute - begin
	if worked < 0 || worked >= 7*60+d.of(1).n(4*60) {
		return false
	}
	pause := 3*60 + d.of(2).n(90)
	return worked < pause || worked >= pause+20+d.of(3).n(50)
}
