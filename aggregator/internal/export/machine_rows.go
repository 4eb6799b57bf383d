// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
)

// machineRow is a row of the inventory of machines as it waits for its turn.
type machineRow struct {
	SourceID  int32     `json:"a"`
	Source    string    `json:"b,omitempty"`
	Serial    string    `json:"c,omitempty"`
	UnitID    int64     `json:"d,omitempty"`
	Unit      string    `json:"e,omitempty"`
	Type      string    `json:"f,omitempty"`
	Platform  string    `json:"g,omitempty"`
	Name      string    `json:"h,omitempty"`
	Model     string    `json:"i,omitempty"`
	OS        string    `json:"j,omitempty"`
	Principal string    `json:"k,omitempty"`
	Display   string    `json:"l,omitempty"`
	Tags      string    `json:"m,omitempty"`
	LastSeen  time.Time `json:"n"`
	More      []any     `json:"o,omitempty"` // of the facets: integers, texts and nulls
}

// machineColumns are those of every inventory; those of facets follow.
var machineColumns = []string{
	"Source ID", "Source", "SN", "Meta Business Unit ID", "Meta Business Unit Name", "Type", "Platform", "Name", "Hardware model",
	"OS", "Principal user principal name", "Principal user display name", "Tags", "Last seen",
}

func (r *machineRow) cells(cells []table.Cell) []table.Cell {
	unit := table.Null()
	if r.UnitID != 0 {
		unit = table.Int(r.UnitID)
	}
	cells = append(cells, table.Int(int64(r.SourceID)), table.Text(r.Source), table.Text(r.Serial), unit)
	for _, text := range []string{r.Unit, r.Type, r.Platform, r.Name, r.Model, r.OS, r.Principal, r.Display, r.Tags} {
		cells = append(cells, table.Text(text))
	}
	cells = append(cells, table.Time(r.LastSeen))
	for _, value := range r.More {
		switch v := value.(type) {
		case float64: // as encoding/json reads integers
			cells = append(cells, table.Int(int64(v)))
		case string:
			cells = append(cells, table.Text(v))
		default:
			cells = append(cells, table.Null())
		}
	}
	return cells
}

// machineRows keeps rows in a temporary file until they are sorted.
type machineRows struct {
	file *os.File
	out  *bufio.Writer
	end  int64
	keys []rowKey
}

// rowKey is what rows are sorted by, and where one stands.
type rowKey struct {
	name, serial string
	source       int32
	length       int32
	at           int64
}

func newMachineRows(folder string) (*machineRows, error) {
	file, err := os.CreateTemp(folder, "rollcall-export-*")
	if err != nil {
		return nil, err
	}
	return &machineRows{file: file, out: bufio.NewWriter(file)}, nil
}

// drop removes the file.
func (r *machineRows) drop() {
	_ = r.file.Close() // nobody wants its content any more
	_ = os.Remove(r.file.Name())
}

func (r *machineRows) add(row machineRow) error {
	raw, err := json.Marshal(row)
	if err != nil {
		return err
	}
	if _, err := r.out.Write(raw); err != nil {
		return err
	}
	r.keys = append(r.keys, rowKey{name: strings.ToLower(row.Name), serial: row.Serial, source: row.SourceID, length: int32(len(raw)), at: r.end})
	r.end += int64(len(raw))
	return nil
}

// sort orders by computer name in any case, those without one last, then by serial number and source.
func (r *machineRows) sort() {
	slices.SortFunc(r.keys, func(a, b rowKey) int {
		if (a.name == "") != (b.name == "") {
			return cmp.Compare(b.name, a.name)
		}
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.serial, b.serial), cmp.Compare(a.source, b.source))
	})
}

// each hands the rows to fn in order.
func (r *machineRows) each(fn func(*machineRow) error) error {
	if err := r.out.Flush(); err != nil {
		return err
	}
	var raw []byte
	for _, key := range r.keys {
		raw = slices.Grow(raw[:0], int(key.length))[:key.length]
		if _, err := r.file.ReadAt(raw, key.at); err != nil {
			return err
		}
		var row machineRow
		if err := json.Unmarshal(raw, &row); err != nil {
			return err
		}
		if err := fn(&row); err != nil {
			return err
		}
	}
	return nil
}

// sheets are the tables of an inventory, one after the other. close ends the file, discard removes what a broken one
// leaves behind.
type sheets interface {
	sheet(title string) (table.Writer, error)
	close() error
	discard()
}

func sheetsOf(out Output, format string) (sheets, error) {
	switch format {
	case "xlsx":
		return bookSheets{table.NewWorkbook(out, out.Folder, table.Python)}, nil
	case "zip":
		return zipSheets{table.NewZip(out, time.Now())}, nil
	}
	return nil, fmt.Errorf("there is no format %q", format)
}

type bookSheets struct{ book *table.Workbook }

func (s bookSheets) sheet(title string) (table.Writer, error) { return s.book.Sheet(title) }
func (s bookSheets) close() error                             { return s.book.Close() }
func (s bookSheets) discard()                                 { s.book.Discard() }

type zipSheets struct{ zip *table.Zip }

func (s zipSheets) sheet(title string) (table.Writer, error) {
	file, err := s.zip.Create(cmp.Or(store.Slugify(title), "sheet") + ".csv")
	if err != nil {
		return nil, err
	}
	return table.NewCSV(file, table.Spelled(table.Python)), nil
}
func (s zipSheets) close() error { return s.zip.Close() }
func (zipSheets) discard()       {}

// writeInventory writes the rows and then the counts of each facet.
func writeInventory(out Output, format string, rows *machineRows, facets []*facet) error {
	to, err := sheetsOf(out, format)
	if err != nil {
		return err
	}
	defer to.discard()
	if err := writeMachines(to, rows, facets); err != nil {
		return err
	}
	for _, f := range facets {
		if !f.Counted {
			continue
		}
		if err := f.write(to, len(rows.keys)); err != nil {
			return err
		}
	}
	return to.close()
}

// writeMachines writes the first sheet. Columns of facets are there when there is a row to have them.
func writeMachines(to sheets, rows *machineRows, facets []*facet) error {
	w, err := to.sheet("Machines")
	if err != nil {
		return err
	}
	columns := slices.Clone(machineColumns)
	for _, f := range facets {
		if f.Counted && len(rows.keys) > 0 {
			columns = append(columns, f.columns...)
		}
	}
	if err := w.Header(columns); err != nil {
		return err
	}
	cells := make([]table.Cell, 0, len(columns))
	if err := rows.each(func(r *machineRow) error { return w.Row(r.cells(cells[:0])) }); err != nil {
		return err
	}
	return w.Close()
}

// write writes the sheet of a facet, with the share of all rows in percent.
func (f *facet) write(to sheets, total int) error {
	w, err := to.sheet(f.title)
	if err != nil {
		return err
	}
	if err := w.Header([]string{"Value", "Count", "%"}); err != nil {
		return err
	}
	for _, c := range f.sorted() {
		share := math.Round(float64(c.rows)*10_000/float64(total)) / 100
		if err := w.Row([]table.Cell{table.Text(c.label), table.Int(c.rows), table.Float(share)}); err != nil {
			return err
		}
	}
	return w.Close()
}
