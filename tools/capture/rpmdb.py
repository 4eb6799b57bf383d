# SPDX-License-Identifier: Apache-2.0
"""Makes an rpm database small without taking a package out of it: rpmdb.py DATABASE COPY.

Headers keep their length and all their entries; the data of those that nobody looks at and that do not compress, such as
the digests of files, change logs and scripts, becomes zeros or a row of x. Berkeley DB and SQLite only.
"""
import shutil
import sqlite3
import struct
import sys

# rpmtag.h: what is blanked.
TAGS = {
    259, 262, 267, 269, 273, 1023, 1024, 1025, 1026, 1028, 1030, 1033, 1034, 1035, 1036, 1037, 1039, 1040, 1045, 1047, 1048, 1049, 1050, 1080, 1081, 1082,
    1095, 1096, 1097, 1112, 1113, 1116, 1117, 1118, 1140, 1141, 1142, 1143, 1145, 1151, 1152, 1153, 5017, 5018, 5019, 5052, 5090, 5092,
}
WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}  # of the types that are no strings


def blanked(header):
    """Returns a header of the same length with the data of TAGS blanked."""
    count, size = struct.unpack(">II", header[:8])
    data = 8 + 16 * count
    out = bytearray(header)
    for i in range(count):
        tag, kind, offset, length = struct.unpack(">iIiI", header[8 + 16 * i : 24 + 16 * i])
        if tag not in TAGS:
            continue
        at = data + offset
        if kind in WIDTHS:
            out[at : at + WIDTHS[kind] * length] = bytes(WIDTHS[kind] * length)
            continue
        for _ in range(length):  # strings, each with its NUL
            end = header.index(0, at)
            out[at:end] = b"x" * (end - at)
            at = end + 1
    assert len(out) == len(header) and data + size <= len(header)
    return bytes(out)


def berkeley(path):
    """Blanks the values of a hash database, which lie in chains of overflow pages (dbinc/db_page.h)."""
    raw = bytearray(open(path, "rb").read())
    (page,) = struct.unpack_from("<I", raw, 20)
    live = set()
    for base in range(page, len(raw), page):
        if raw[base + 25] not in (2, 13):  # hash pages
            continue
        (entries,) = struct.unpack_from("<H", raw, base + 20)
        for i in range(1, entries, 2):
            (at,) = struct.unpack_from("<H", raw, base + 26 + 2 * i)
            if raw[base + at] == 3:  # off the page
                live |= overflow(raw, page, *struct.unpack_from("<II", raw, base + at + 4))
    for base in range(page, len(raw), page):
        if base and raw[base + 25] in (0, 7) and base not in live:  # free, with what erased packages left behind
            raw[base + 26 : base + page] = bytes(page - 26)
    open(path, "wb").write(raw)


def overflow(raw, page, number, length):
    """Blanks one value in place and returns the pages that it lies on."""
    spans = []
    while number:
        base = number * page
        (used,) = struct.unpack_from("<H", raw, base + 22)
        spans.append((base, used))
        (number,) = struct.unpack_from("<I", raw, base + 16)
    value = blanked(b"".join(bytes(raw[b + 26 : b + 26 + n]) for b, n in spans)[:length])
    for base, used in spans:
        part, value = value[:used], value[used:]
        raw[base + 26 : base + 26 + len(part)] = part
    return {base for base, _ in spans}


def sqlite(path):
    """Blanks the headers and drops the indices, which only rpm itself asks."""
    db = sqlite3.connect(path)
    for key, header in db.execute("SELECT hnum, blob FROM Packages").fetchall():
        db.execute("UPDATE Packages SET blob = ? WHERE hnum = ?", (blanked(header), key))
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('Packages', 'sqlite_sequence')").fetchall():
        db.execute(f'DROP TABLE "{table}"')
    db.commit()
    db.execute("VACUUM")
    db.close()


def main():
    source, copy = sys.argv[1:]
    shutil.copyfile(source, copy)
    with open(copy, "rb") as f:
        (sqlite if f.read(6) == b"SQLite" else berkeley)(copy)


main()
