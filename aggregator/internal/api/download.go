// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// slowestRead is how long a client may take to read one block of a download before it is cut off.
const slowestRead = time.Minute

// downloadHeaders are those of a stored file that its download has.
var downloadHeaders = []string{"Content-Type", "Content-Disposition"}

// Download sends the file that a task left behind, or the ranges of it that the client asks for. It goes out as it is:
// what is compressed on the way has neither ranges nor a length.
func Download(w http.ResponseWriter, r *http.Request, t store.Task, f *os.File) {
	headers := map[string]string{}
	_ = json.Unmarshal(t.Headers, &headers) // without them it is a file of no known kind
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	for _, name := range downloadHeaders {
		if value := headers[name]; value != "" {
			h.Set(name, value)
		}
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-store")
	h.Set("Etag", `"`+t.ID+`"`)
	h.Set(gzhttp.HeaderNoCompression, "1") // for the compressing handler, which takes it out again
	var changed time.Time
	if t.EndedAt != nil {
		changed = *t.EndedAt
	}
	http.ServeContent(Patient(w), r, "", changed, f)
}

// Patient returns a writer that lets an answer take as long as it has to, as long as the client goes on reading.
func Patient(w http.ResponseWriter) http.ResponseWriter {
	return &patientWriter{ResponseWriter: w, connection: http.NewResponseController(w)}
}

type patientWriter struct {
	http.ResponseWriter
	connection *http.ResponseController
}

func (p *patientWriter) Write(block []byte) (int, error) {
	_ = p.connection.SetWriteDeadline(time.Now().Add(slowestRead)) // without one the server's own limit holds
	return p.ResponseWriter.Write(block)
}

// Unwrap lets http.ResponseController reach the connection.
func (p *patientWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// IsUUID tells whether a text is a UUID as the APIs write them: lower case, with hyphens.
func IsUUID(text string) bool { return uuidText.MatchString(text) }

var uuidText = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
