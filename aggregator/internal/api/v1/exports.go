// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"net/http"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
)

// slowestRead is how long a client may take to read one block of an export before it is cut off.
const slowestRead = time.Minute

// exportDebPackages streams the table; a failure on the way cuts the connection, so that no half table looks whole.
func (a *API) exportDebPackages(w http.ResponseWriter, r *http.Request) error {
	q, err := api.ParseQuery(r, "source")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", `attachment; filename="deb_packages.csv"`)
	w.Header().Set("Cache-Control", "private, no-store")
	if r.Method == http.MethodHead {
		return nil
	}
	out := table.NewCSV(&patientWriter{w: w, connection: http.NewResponseController(w)})
	return export.DebPackages(r.Context(), a.store, export.Filter{Source: q.Text("source")}, out)
}

// patientWriter lets an answer take as long as it has to, as long as the client goes on reading.
type patientWriter struct {
	w          http.ResponseWriter
	connection *http.ResponseController
}

func (p *patientWriter) Write(block []byte) (int, error) {
	_ = p.connection.SetWriteDeadline(time.Now().Add(slowestRead)) // without one the server's own limit holds
	return p.w.Write(block)
}
