// SPDX-License-Identifier: Apache-2.0

package rpmdb

import (
	"encoding/binary"
	"fmt"
)

// The layout of a Berkeley DB hash database: a meta page, then pages whose header ends with an index of entries, keys
// and values in turn. Values that do not fit a page are chains of overflow pages.
//
// Source: dbinc/db_page.h of Berkeley DB 4 and 5.
const (
	bdbHashMagic   = 0x061561
	bdbHeader      = 26
	bdbPageUnsort  = 2
	bdbPageOverfl  = 7
	bdbPageHash    = 13
	bdbKeyData     = 1
	bdbOffPage     = 3
	bdbOffPageSize = 12
	// minHeader is the shortest possible package header: two counts and one index entry.
	minHeader = 8 + 16
)

// bdb is one open hash database.
type bdb struct {
	reader
	order    binary.ByteOrder
	pageSize int64
	lastPage uint32
}

// readBDB walks all pages and takes the values of hash pages.
func (r reader) readBDB(each func([]byte) error) error {
	db, err := r.openBDB()
	if err != nil {
		return err
	}
	var page, value []byte
	for n := uint32(1); n <= db.lastPage; n++ {
		if page, err = db.page(page, n); err != nil {
			return err
		}
		if kind := page[25]; kind != bdbPageHash && kind != bdbPageUnsort {
			continue
		}
		entries := int(db.order.Uint16(page[20:]))
		for i := 1; i < entries; i += 2 {
			if value, err = db.value(value, page, i); err != nil {
				return fmt.Errorf("page %d: %w", n, err)
			}
			if len(value) < minHeader {
				continue // the record that holds the next free number
			}
			if err := each(value); err != nil {
				return err
			}
		}
	}
	return nil
}

// openBDB reads the meta page, in either byte order.
func (r reader) openBDB() (*bdb, error) {
	meta, err := r.bytes(nil, 0, 512)
	if err != nil {
		return nil, err
	}
	db := &bdb{reader: r, order: binary.LittleEndian}
	if binary.BigEndian.Uint32(meta[12:]) == bdbHashMagic {
		db.order = binary.BigEndian
	}
	if db.order.Uint32(meta[12:]) != bdbHashMagic {
		return nil, fmt.Errorf("%w: no Berkeley DB hash", ErrCorrupt)
	}
	db.pageSize = int64(db.order.Uint32(meta[20:]))
	if db.pageSize < 512 || db.pageSize > 64<<10 || db.pageSize&(db.pageSize-1) != 0 {
		return nil, fmt.Errorf("%w: pages of %d bytes", ErrCorrupt, db.pageSize)
	}
	db.lastPage = db.order.Uint32(meta[32:])
	if have := r.size / db.pageSize; int64(db.lastPage) >= have {
		return nil, fmt.Errorf("%w: %d pages of %d", ErrCorrupt, have, int64(db.lastPage)+1)
	}
	return db, nil
}

// page reads a page into buf.
func (db *bdb) page(buf []byte, n uint32) ([]byte, error) {
	return db.bytes(buf, int64(n)*db.pageSize, db.pageSize)
}

// value returns entry i of a hash page, in buf. An entry ends where the one before it begins.
func (db *bdb) value(buf, page []byte, i int) ([]byte, error) {
	if bdbHeader+2*i+2 > len(page) {
		return nil, fmt.Errorf("%w: entry %d lies outside", ErrCorrupt, i)
	}
	begin := int(db.order.Uint16(page[bdbHeader+2*i:]))
	end := int(db.order.Uint16(page[bdbHeader+2*(i-1):]))
	if begin < bdbHeader || begin >= len(page) || end <= begin || end > len(page) {
		return nil, fmt.Errorf("%w: entry %d from %d to %d", ErrCorrupt, i, begin, end)
	}
	switch page[begin] {
	case bdbKeyData:
		return append(buf[:0], page[begin+1:end]...), nil
	case bdbOffPage:
		if end-begin < bdbOffPageSize {
			return nil, fmt.Errorf("%w: entry %d is short", ErrCorrupt, i)
		}
		return db.overflow(buf, db.order.Uint32(page[begin+4:]), db.order.Uint32(page[begin+8:]))
	}
	return buf[:0], nil
}

// overflow joins a chain of overflow pages. A chain cannot be longer than the value needs.
func (db *bdb) overflow(buf []byte, n, length uint32) ([]byte, error) {
	if length > maxRecord || int64(length) > db.size {
		return nil, fmt.Errorf("%w: value of %d bytes", ErrCorrupt, length)
	}
	value := buf[:0]
	var page []byte
	var err error
	for n != 0 && len(value) < int(length) {
		if page, err = db.page(page, n); err != nil {
			return nil, err
		}
		used := int(db.order.Uint16(page[22:]))
		if page[25] != bdbPageOverfl || used == 0 || bdbHeader+used > len(page) {
			return nil, fmt.Errorf("%w: page %d is not the rest of a value", ErrCorrupt, n)
		}
		value = append(value, page[bdbHeader:bdbHeader+used]...)
		n = db.order.Uint32(page[16:])
	}
	if len(value) < int(length) {
		return nil, fmt.Errorf("%w: value of %d bytes ends after %d", ErrCorrupt, length, len(value))
	}
	return value[:length], nil
}
