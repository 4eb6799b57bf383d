// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"encoding/json"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
)

// debPackages has the columns of the outside contract's export of the same name.
var debPackages = dataset{
	kind:    "deb_packages",
	columns: []string{"name", "version", "source", "size", "arch", "revision", "status", "maintainer", "section", "priority"},
	decode:  decodeDebPackage,
}

// DebPackages writes one row for each Debian package on each known machine, and closes the table.
func DebPackages(ctx context.Context, s *store.Store, f Filter, w table.Writer) error {
	return debPackages.write(ctx, s, f, w)
}

func decodeDebPackage(body []byte) (fact, error) {
	var p struct {
		Name, Version, Source, Arch, Revision, Status, Maintainer, Section, Priority *string
		Size                                                                         *int64
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return fact{}, err
	}
	size := table.Null()
	if p.Size != nil {
		size = table.Int(*p.Size)
	}
	return fact{
		name: valueOf(p.Name), version: valueOf(p.Version),
		cells: []table.Cell{
			textOrNull(p.Name), textOrNull(p.Version), textOrNull(p.Source), size, textOrNull(p.Arch), textOrNull(p.Revision),
			textOrNull(p.Status), textOrNull(p.Maintainer), textOrNull(p.Section), textOrNull(p.Priority),
		},
	}, nil
}

func textOrNull(s *string) table.Cell {
	if s == nil {
		return table.Null()
	}
	return table.Text(*s)
}

func valueOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
