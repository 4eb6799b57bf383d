// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// vectors is testdata/vectors.json. It was computed by a program in another language; it never changes, because
// stored digests never change.
type vectors struct {
	Sections []struct {
		Name   string   `json:"name"`
		Kind   string   `json:"kind"`
		Bodies []string `json:"bodies"`
		Digest string   `json:"digest"`
	} `json:"sections"`
	Roots []struct {
		Name     string            `json:"name"`
		Sections map[string]string `json:"sections"` // digests by kind
		Root     string            `json:"root"`
	} `json:"roots"`
	Snapshots []struct {
		Name     string          `json:"name"`
		Message  json.RawMessage `json:"message"` // protobuf's JSON
		Sections map[string]struct {
			Bodies []string `json:"bodies"` // sorted
			Digest string   `json:"digest"`
		} `json:"sections"`
		Root string `json:"root"`
	} `json:"snapshots"`
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Sections) == 0 || len(v.Roots) == 0 || len(v.Snapshots) == 0 {
		t.Fatal("vectors are missing")
	}
	return v
}

func TestSectionsHaveTheirPinnedDigests(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t).Sections {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			var rows [][]byte
			for _, body := range v.Bodies {
				rows = append(rows, []byte(body))
			}
			if got := NewSection(v.Kind, rows).Digest().String(); got != v.Digest {
				t.Errorf("got %s, want %s", got, v.Digest)
			}
		})
	}
}

func TestRootsArePinned(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t).Roots {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			sections := map[string]asset.Digest{}
			for kind, text := range v.Sections {
				raw, err := hex.DecodeString(text)
				if err != nil {
					t.Fatal(err)
				}
				if sections[kind], err = asset.ParseDigest(raw); err != nil {
					t.Fatal(err)
				}
			}
			if got := Root(sections).String(); got != v.Root {
				t.Errorf("got %s, want %s", got, v.Root)
			}
		})
	}
}

func TestSnapshotsHaveTheirPinnedSectionsAndRoots(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t).Snapshots {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			var s inventoryv1.Snapshot
			if err := protojson.Unmarshal(v.Message, &s); err != nil {
				t.Fatal(err)
			}
			sections, err := Split(&s)
			if err != nil {
				t.Fatal(err)
			}
			if len(sections) != len(v.Sections) {
				t.Errorf("got %d sections, want %d", len(sections), len(v.Sections))
			}
			for kind, want := range v.Sections {
				section := sections[kind]
				if section == nil {
					t.Errorf("%s: no section", kind)
					continue
				}
				if got := textsOf(section); !slices.Equal(got, want.Bodies) {
					t.Errorf("%s: bodies\ngot  %s\nwant %s", kind, got, want.Bodies)
				}
				if got := section.Digest().String(); got != want.Digest {
					t.Errorf("%s: digest %s, want %s", kind, got, want.Digest)
				}
			}
			if got := Root(sections.Digests()).String(); got != v.Root {
				t.Errorf("root %s, want %s", got, v.Root)
			}
		})
	}
}

// textsOf returns the bodies of a section, sorted.
func textsOf(s *Section) []string {
	var texts []string
	for _, a := range s.Assets {
		texts = append(texts, string(a.Body))
	}
	slices.Sort(texts)
	return texts
}
