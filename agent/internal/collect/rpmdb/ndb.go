// SPDX-License-Identifier: Apache-2.0

package rpmdb

import (
	"encoding/binary"
	"fmt"
)

// The layout of ndb: pages of slots, of which the first two slots are the header, and blobs in blocks of 16 bytes.
//
// Source: lib/backend/ndb/rpmpkg.c of rpm.
const (
	ndbMagic     = "RpmP"
	ndbSlotMagic = "Slot"
	ndbBlobMagic = "BlbS"
	ndbSlotPage  = 4096
	ndbSlotSize  = 16
	ndbMaxPages  = 4096
)

// readNDB follows every slot that is taken to its blob.
func (r reader) readNDB(each func([]byte) error) error {
	head, err := r.bytes(nil, 0, 2*ndbSlotSize)
	if err != nil {
		return err
	}
	pages := binary.LittleEndian.Uint32(head[12:])
	if string(head[:4]) != ndbMagic || binary.LittleEndian.Uint32(head[4:]) != 0 || pages > ndbMaxPages {
		return fmt.Errorf("%w: no ndb header of version 0", ErrCorrupt)
	}
	slots, err := r.bytes(nil, 0, int64(pages)*ndbSlotPage)
	if err != nil {
		return err
	}
	var blob []byte
	for at := 2 * ndbSlotSize; at < len(slots); at += ndbSlotSize {
		slot := slots[at : at+ndbSlotSize]
		if string(slot[:4]) != ndbSlotMagic {
			return fmt.Errorf("%w: no slot at %d", ErrCorrupt, at)
		}
		index := binary.LittleEndian.Uint32(slot[4:])
		if index == 0 {
			continue // free
		}
		offset := int64(binary.LittleEndian.Uint32(slot[8:])) * ndbSlotSize
		if blob, err = r.ndbBlob(blob, offset, index); err != nil {
			return err
		}
		if err := each(blob); err != nil {
			return err
		}
	}
	return nil
}

// ndbBlob reads the blob of a package into buf.
func (r reader) ndbBlob(buf []byte, offset int64, index uint32) ([]byte, error) {
	head, err := r.bytes(buf, offset, ndbSlotSize)
	if err != nil {
		return nil, err
	}
	if string(head[:4]) != ndbBlobMagic || binary.LittleEndian.Uint32(head[4:]) != index {
		return nil, fmt.Errorf("%w: no blob of package %d at %d", ErrCorrupt, index, offset)
	}
	return r.bytes(head, offset+ndbSlotSize, int64(binary.LittleEndian.Uint32(head[12:])))
}
