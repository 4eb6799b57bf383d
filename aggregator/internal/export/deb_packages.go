// SPDX-License-Identifier: Apache-2.0

package export

import (
	"encoding/json"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
)

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
