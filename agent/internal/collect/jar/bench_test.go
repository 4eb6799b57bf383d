// SPDX-License-Identifier: Apache-2.0

package jar

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// BenchmarkRead reads an archive of 10 MB that holds twenty libraries of 300 entries each.
func BenchmarkRead(b *testing.B) {
	random := rand.NewChaCha8([32]byte{1})
	var entries []entry
	for i := range 20 {
		files := []entry{properties("org.example", fmt.Sprintf("lib%d", i), "1.0")}
		for n := range 300 {
			data := make([]byte, 1700) // as large as a class is in an archive
			_, _ = random.Read(data)   // which never fails
			files = append(files, entry{name: fmt.Sprintf("org/example/lib%d/Class%d.class", i, n), data: string(data)})
		}
		entries = append(entries, entry{name: fmt.Sprintf("lib%d-1.0.jar", i), data: build(b, files...)})
	}
	for _, store := range []bool{true, false} {
		for i := range entries {
			entries[i].store = store
		}
		raw := build(b, entries...)
		b.Run(fmt.Sprintf("stored=%t", store), func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if a, err := Read(strings.NewReader(raw), int64(len(raw)), "fat.jar"); err != nil || len(a.Components) != 21 {
					b.Fatalf("%d components, %v", len(a.Components), err)
				}
			}
		})
	}
}
