// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// getAgentPackage sends a package to whoever may enrol a machine: the secret is the Bearer of the request. Everybody
// else needs a token.
func (a *API) getAgentPackage(w http.ResponseWriter, r *http.Request) error {
	secret, _ := auth.FromHeader(r.Header.Get("Authorization"), auth.BearerScheme) // whatever else it is, it is no secret
	if !enrollmentSecret(secret) {
		a.byToken.ServeHTTP(w, r)
		return nil
	}
	err := a.store.CheckSecret(r.Context(), auth.DigestOf(secret))
	for _, refusal := range store.EnrollmentRefusals() {
		if errors.Is(err, refusal) {
			return api.Refuse(http.StatusUnauthorized, "Not with this enrolment secret: %v.", refusal)
		}
	}
	if err != nil {
		return err
	}
	return a.sendAgentPackage(w, r)
}

// enrollmentSecret tells whether a text may be one: it spares the database nonsense, and tokens have an underscore.
func enrollmentSecret(text string) bool {
	const shortest, longest = 16, 256
	return len(text) >= shortest && len(text) <= longest && !strings.Contains(text, "_")
}

func (a *API) sendAgentPackage(w http.ResponseWriter, r *http.Request) error {
	file, err := a.packages.open(r.PathValue("file"))
	if errors.Is(err, fs.ErrNotExist) {
		return api.Refuse(http.StatusNotFound, "There is no such package of the agent.")
	}
	if err != nil {
		return err
	}
	defer file.Close()
	var changed time.Time
	if info, err := file.Stat(); err == nil {
		changed = info.ModTime()
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set(gzhttp.HeaderNoCompression, "1") // it is compressed already, and has ranges
	http.ServeContent(api.Patient(w), r, "", changed, file)
	return nil
}
