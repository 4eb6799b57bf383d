// SPDX-License-Identifier: Apache-2.0

package rpmdb

import (
	"encoding/binary"
	"fmt"
)

// The pages of a table's b-tree.
//
// Source: "Database File Format" of SQLite.
const (
	sqliteMagic    = "SQLite format 3\x00"
	sqliteHeader   = 100
	sqliteInterior = 0x05
	sqliteLeaf     = 0x0d
	sqliteDepth    = 20
)

// sqliteDB is one open SQLite database, with the pages that its write-ahead log holds in their newer version.
type sqliteDB struct {
	reader
	wal      *wal
	pageSize int64
	usable   int64 // bytes of a page that are used
	pages    uint32
	visits   int64  // pages that may still be read: no walk needs more than all of them, overflow included
	rest     []byte // the overflow page read last
}

// readSQLite reads the column blob of all rows of the table Packages.
func (r reader) readSQLite(log *wal, each func([]byte) error) error {
	db, err := r.openSQLite(log)
	if err != nil {
		return err
	}
	var root int64
	err = db.walk(1, 0, func(record []byte) error {
		columns, err := columnsOf(record)
		if err != nil {
			return err
		}
		if len(columns) >= 4 && string(columns[0].raw) == "table" && string(columns[1].raw) == "Packages" {
			root = columns[3].integer()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	if root < 1 || root > int64(db.pages) {
		return fmt.Errorf("%w: no table Packages", ErrCorrupt)
	}
	return db.walk(uint32(root), 0, func(record []byte) error {
		columns, err := columnsOf(record)
		if err != nil {
			return err
		}
		if len(columns) < 2 {
			return fmt.Errorf("%w: row of %d columns", ErrCorrupt, len(columns))
		}
		return each(columns[1].raw)
	})
}

// openSQLite reads the database header, from the log if that has a newer one.
func (r reader) openSQLite(log *wal) (*sqliteDB, error) {
	db := &sqliteDB{reader: r, wal: log, pageSize: 512, pages: 1, visits: 2}
	if log != nil {
		db.pageSize = log.pageSize
	}
	head, err := db.page(nil, 1)
	if err != nil {
		return nil, err
	}
	if string(head[:16]) != sqliteMagic {
		return nil, fmt.Errorf("%w: no SQLite database", ErrCorrupt)
	}
	db.pageSize = int64(binary.BigEndian.Uint16(head[16:]))
	if db.pageSize == 1 {
		db.pageSize = 64 << 10
	}
	db.usable = db.pageSize - int64(head[20])
	if db.pageSize < 512 || db.pageSize&(db.pageSize-1) != 0 || db.usable < 480 ||
		log != nil && log.pageSize != db.pageSize {
		return nil, fmt.Errorf("%w: pages of %d bytes", ErrCorrupt, db.pageSize)
	}
	db.pages = uint32(min(r.size/db.pageSize, 1<<31))
	if log != nil {
		db.pages = max(db.pages, log.pages)
	}
	db.visits = 4 * (int64(db.pages) + 1)
	return db, nil
}

// page returns a page, by number from 1, in buf if that is large enough.
func (db *sqliteDB) page(buf []byte, n uint32) ([]byte, error) {
	if db.visits--; db.visits < 0 || n < 1 || n > db.pages {
		return nil, fmt.Errorf("%w: page %d of %d", ErrCorrupt, n, db.pages)
	}
	if p, ok, err := db.wal.page(buf, n); ok || err != nil {
		return p, err
	}
	return db.bytes(buf, int64(n-1)*db.pageSize, db.pageSize)
}

// walk visits all records of a table's b-tree in order.
func (db *sqliteDB) walk(n uint32, depth int, each func(record []byte) error) error {
	page, err := db.page(nil, n)
	if err != nil {
		return err
	}
	head := page
	if n == 1 {
		head = page[sqliteHeader:]
	}
	cells := int(binary.BigEndian.Uint16(head[3:]))
	index := head[8:]
	if head[0] == sqliteInterior {
		index = head[12:]
	}
	if depth > sqliteDepth || (head[0] != sqliteInterior && head[0] != sqliteLeaf) || 2*cells > len(index) {
		return fmt.Errorf("%w: page %d is no part of a table", ErrCorrupt, n)
	}
	for i := range cells {
		at := int(binary.BigEndian.Uint16(index[2*i:]))
		if at < 8 || at+4 > len(page) {
			return fmt.Errorf("%w: cell of page %d at %d", ErrCorrupt, n, at)
		}
		if head[0] == sqliteInterior {
			err = db.walk(binary.BigEndian.Uint32(page[at:]), depth+1, each)
		} else {
			err = db.leaf(page[at:], each)
		}
		if err != nil {
			return err
		}
	}
	if head[0] == sqliteInterior {
		return db.walk(binary.BigEndian.Uint32(head[8:]), depth+1, each)
	}
	return nil
}

// leaf reads the record of a leaf cell: its length, the row's number, and as much of it as the page holds; the rest
// lies in a chain of overflow pages.
func (db *sqliteDB) leaf(cell []byte, each func([]byte) error) error {
	length, n := uvarint(cell)
	_, m := uvarint(cell[n:])
	if n == 0 || m == 0 || length > maxRecord {
		return fmt.Errorf("%w: record of %d bytes", ErrCorrupt, length)
	}
	cell = cell[n+m:]
	total, most := int64(length), db.usable-35
	local := total
	if total > most {
		least := (db.usable-12)*32/255 - 23
		if local = least + (total-least)%(db.usable-4); local > most {
			local = least
		}
	}
	if local > int64(len(cell)) || total > local && local+4 > int64(len(cell)) {
		return fmt.Errorf("%w: record of %d bytes", ErrCorrupt, length)
	}
	if total == local {
		return each(cell[:local])
	}
	record := append(make([]byte, 0, min(total, db.size)), cell[:local]...)
	for next := binary.BigEndian.Uint32(cell[local:]); int64(len(record)) < total; {
		page, err := db.page(db.rest, next)
		if err != nil {
			return err
		}
		db.rest = page
		part := page[4:db.usable]
		record = append(record, part[:min(int64(len(part)), total-int64(len(record)))]...)
		next = binary.BigEndian.Uint32(page)
	}
	return each(record)
}

// column is one value of a record.
type column struct {
	kind uint64
	raw  []byte
}

// integer reads an integer column of up to eight bytes.
func (c column) integer() int64 {
	switch {
	case c.kind == 9:
		return 1
	case c.kind < 1 || c.kind > 6 || len(c.raw) == 0:
		return 0
	}
	n := int64(int8(c.raw[0]))
	for _, b := range c.raw[1:] {
		n = n<<8 | int64(b)
	}
	return n
}

// columnsOf splits a record into at most eight columns.
func columnsOf(record []byte) ([]column, error) {
	size, n := uvarint(record)
	if n == 0 || size > uint64(len(record)) || size < uint64(n) {
		return nil, fmt.Errorf("%w: record header", ErrCorrupt)
	}
	kinds, body := record[n:size], record[size:]
	var columns []column
	for len(kinds) > 0 && len(columns) < 8 {
		kind, n := uvarint(kinds)
		width := widthOf(kind)
		if n == 0 || width > uint64(len(body)) {
			return nil, fmt.Errorf("%w: column of %d bytes", ErrCorrupt, width)
		}
		columns = append(columns, column{kind, body[:width]})
		kinds, body = kinds[n:], body[width:]
	}
	return columns, nil
}

// widthOf returns the bytes of a column by its serial type.
func widthOf(kind uint64) uint64 {
	switch {
	case kind >= 12:
		return (kind - 12) / 2
	case kind <= 4:
		return kind
	case kind == 5:
		return 6
	case kind <= 7:
		return 8
	}
	return 0
}

// uvarint reads SQLite's big-endian variable integer; n is 0 when it does not end.
func uvarint(b []byte) (v uint64, n int) {
	for n < len(b) && n < 8 {
		v = v<<7 | uint64(b[n]&0x7f)
		n++
		if b[n-1] < 0x80 {
			return v, n
		}
	}
	if n == 8 && len(b) > 8 {
		return v<<8 | uint64(b[8]), 9
	}
	return 0, 0
}
