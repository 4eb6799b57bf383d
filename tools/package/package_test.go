// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"testing"
	"time"
)

func TestVersionsOfPackages(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, numbers, debian string }{
		{"v1.2.3", "1.2.3", "1.2.3"},
		{"1.2.3", "1.2.3", "1.2.3"},
		{"v1.2.3-4-gabcdef0", "1.2.4", "1.2.4~pre19700101000000"},
		{"17d9d4d-dirty", "0.0.0", "0.0.0~pre19700101000000"},
		{"dev", "0.0.0", "0.0.0~pre19700101000000"},
	}
	for _, tt := range tests {
		v := parseVersion(tt.name, 0)
		if v.numbers != tt.numbers || v.debian() != tt.debian {
			t.Errorf("%s: got %s, %s, want %s, %s", tt.name, v.numbers, v.debian(), tt.numbers, tt.debian)
		}
	}
}

// The sums are what cksum(1) prints.
func TestCksumIsThatOfPOSIX(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint32{"": 4294967295, "a": 1220704766, "hello\n": 3015617425} {
		if got := cksum([]byte(text)); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

func TestTheBillOfMaterialsListsEveryPathBelowItsParent(t *testing.T) {
	t.Parallel()
	nodes, err := readNodes([]node{{path: "a/b", dir: true}, {path: "a/c/d", dir: true}})
	if err != nil {
		t.Fatal(err)
	}
	raw := bom(nodes, time.Unix(0, 0))
	at := func(offset int) int { return int(binary.BigEndian.Uint32(raw[offset:])) }
	index := at(16)
	block := func(n int) int { return at(index + 4 + 8*n) }
	const names = 4 + 4 + 1 + len("BomInfo") // the second name is Paths
	tree := block(at(at(24) + names))
	leaf := block(at(tree + 8))
	got := map[string]string{}
	byID := map[int]string{0: ""}
	for i := range int(binary.BigEndian.Uint16(raw[leaf+2:])) {
		id := at(block(at(leaf + 12 + 8*i)))
		file := block(at(leaf + 16 + 8*i))
		name := raw[file+4:]
		for j, c := range name {
			if c == 0 {
				name = name[:j]
				break
			}
		}
		byID[id] = string(name)
		got[string(name)] = byID[at(file)]
	}
	want := map[string]string{".": "", "a": ".", "b": "a", "c": "a", "d": "c"}
	for name, parent := range want {
		if p, ok := got[name]; !ok || p != parent {
			t.Errorf("%s: got parent %q, want %q", name, p, parent)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
}
