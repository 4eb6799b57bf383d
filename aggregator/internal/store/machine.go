// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// MachineFilter chooses machines; zero fields choose all.
type MachineFilter struct {
	Query    string     // part of the serial number or of a computer name, in any case
	Platform string     // as in the snapshot tree: LINUX, MACOS …
	Source   string     // name of a source that reports the machine
	Scope    auth.Scope // that the machine has to be in
	After    string     // serial number of the last machine of the page before
	Limit    int        // at most so many; needed
}

// Machine is what lists show of one machine. Where its sources disagree, Platform and Type are what most of them
// say, ComputerName and OSVersion what the oldest says that knows.
type Machine struct {
	ID           int64
	SerialNumber string
	ComputerName string
	Platform     string
	Type         string
	OSVersion    string // for people
	Sources      []Source
	LastSeen     time.Time // by any of the sources
}

// machineFactsSQL sums up the heads of machine m; $1 counts the archived ones too.
const machineFactsSQL = `
SELECT coalesce((array_agg(u.computer_name ORDER BY h.id) FILTER (WHERE u.computer_name <> ''))[1], '') AS computer_name,
       coalesce(mode() WITHIN GROUP (ORDER BY u.platform) FILTER (WHERE u.platform <> ''), '') AS platform,
       coalesce(mode() WITHIN GROUP (ORDER BY u.type) FILTER (WHERE u.type <> ''), '') AS type,
       coalesce((array_agg(u.os_version ORDER BY h.id) FILTER (WHERE u.os_version <> ''))[1], '') AS os_version,
       array_agg(h.source ORDER BY h.id) AS sources,
       max(h.last_seen) AS last_seen,
       string_agg(lower(u.computer_name), E'\n') AS computer_names
FROM head h LEFT JOIN head_summary u ON u.head = h.id
WHERE h.machine = m.id AND (h.archived_at IS NULL OR $1)
GROUP BY h.machine`

const (
	machinesSQL = `
SELECT m.id, m.serial_number, f.computer_name, f.platform, f.type, f.os_version, f.sources, f.last_seen
FROM machine m CROSS JOIN LATERAL (` + machineFactsSQL + `) f`

	listMachinesSQL = machinesSQL + `
WHERE m.serial_number > $2
  AND ($3 = '' OR strpos(lower(m.serial_number), lower($3)) > 0 OR strpos(f.computer_names, lower($3)) > 0)
  AND ($4 = '' OR f.platform = $4)
  AND ($5 = '' OR f.sources && ARRAY(SELECT id FROM source WHERE name = $5))
  AND ($7::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = m.id AND t.tag = ANY ($7)))
ORDER BY m.serial_number
LIMIT $6`

	oneMachineSQL = machinesSQL + `
WHERE m.serial_number = $2`
)

// ListMachines returns the machines that are known, that is have a head which is not archived, by serial number.
func (s *Store) ListMachines(ctx context.Context, f MachineFilter) ([]Machine, error) {
	sources, err := s.Sources(ctx)
	if err != nil {
		return nil, err
	}
	rows, _ := s.pool.Query(ctx, listMachinesSQL, false, f.After, f.Query, f.Platform, f.Source, f.Limit, f.Scope.Tags) // its error comes back from CollectRows
	machines, err := pgx.CollectRows(rows, scanMachine(sources))
	if err != nil {
		return nil, fmt.Errorf("list machines: %w", err)
	}
	return machines, nil
}

// scanMachine reads a row of machinesSQL.
func scanMachine(sources []Source) pgx.RowToFunc[Machine] {
	byID := make(map[int32]Source, len(sources))
	for _, source := range sources {
		byID[source.ID] = source
	}
	return func(row pgx.CollectableRow) (Machine, error) {
		var m Machine
		var ids []int32
		err := row.Scan(&m.ID, &m.SerialNumber, &m.ComputerName, &m.Platform, &m.Type, &m.OSVersion, &ids, &m.LastSeen)
		for _, id := range ids {
			if source, ok := byID[id]; ok { // one that came up a moment ago is in the next answer
				m.Sources = append(m.Sources, source)
			}
		}
		return m, err
	}
}

const sourcesSQL = `
SELECT id, module, name, config FROM source ORDER BY name, module, config`

// Sources returns all sources that ever reported, by name.
func (s *Store) Sources(ctx context.Context) ([]Source, error) {
	rows, _ := s.pool.Query(ctx, sourcesSQL) // its error comes back from CollectRows
	sources, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Source])
	if err != nil {
		return nil, fmt.Errorf("list sources: %w", err)
	}
	return sources, nil
}

// Select first, because an insert that finds a conflict burns an id.
const (
	findMachineSQL   = `SELECT id FROM machine WHERE serial_number = $1`
	insertMachineSQL = `INSERT INTO machine (serial_number) VALUES ($1) ON CONFLICT (serial_number) DO NOTHING`
)

// EnsureMachine returns the id of the machine with that serial number, making it on first mention.
func (s *Store) EnsureMachine(ctx context.Context, serial string) (int64, error) {
	return ensureMachine(ctx, s.pool, serial)
}

func ensureMachine(ctx context.Context, db querier, serial string) (int64, error) {
	var id int64
	err := db.QueryRow(ctx, findMachineSQL, serial).Scan(&id)
	for errors.Is(err, pgx.ErrNoRows) {
		if _, err = db.Exec(ctx, insertMachineSQL, serial); err == nil {
			err = db.QueryRow(ctx, findMachineSQL, serial).Scan(&id)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("machine %q: %w", serial, err)
	}
	return id, nil
}

// MachineDetail is everything the store keeps beside the sections of one machine.
type MachineDetail struct {
	Machine
	CreatedAt time.Time
	Tags      []Tag
	Heads     []HeadDetail // by source name
}

const (
	machineCreatedSQL = `SELECT id, created_at FROM machine WHERE serial_number = $1`
	machineTagsSQL    = `
SELECT ` + tagColumns + ` FROM machine_tag m JOIN tag t ON t.id = m.tag WHERE m.machine = $1 ORDER BY t.name`
)

// Machine returns one machine of the registry, ErrNotFound when it was never mentioned. A machine that was only
// enrolled or tagged has no heads, and archived heads are among them; what sums them up then counts the archived ones.
func (s *Store) Machine(ctx context.Context, serial string) (MachineDetail, error) {
	d := MachineDetail{Machine: Machine{SerialNumber: serial}}
	err := s.pool.QueryRow(ctx, machineCreatedSQL, serial).Scan(&d.ID, &d.CreatedAt)
	if err != nil {
		return MachineDetail{}, fmt.Errorf("machine %q: %w", serial, notFound(err))
	}
	if d.Tags, err = collectTags(ctx, s.pool, machineTagsSQL, d.ID); err != nil {
		return MachineDetail{}, fmt.Errorf("tags of machine %q: %w", serial, err)
	}
	if d.Heads, err = s.headDetails(ctx, d.ID); err != nil {
		return MachineDetail{}, err
	}
	if len(d.Heads) == 0 {
		return d, nil
	}
	sources, err := s.Sources(ctx)
	if err != nil {
		return MachineDetail{}, err
	}
	archived := !slices.ContainsFunc(d.Heads, func(h HeadDetail) bool { return h.ArchivedAt == nil })
	rows, _ := s.pool.Query(ctx, oneMachineSQL, archived, serial) // its error comes back from CollectExactlyOneRow
	if d.Machine, err = pgx.CollectExactlyOneRow(rows, scanMachine(sources)); err != nil {
		return MachineDetail{}, fmt.Errorf("machine %q: %w", serial, notFound(err))
	}
	return d, nil
}
