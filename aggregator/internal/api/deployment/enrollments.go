// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// enrollment is one as clients see it; what is nil, the contract of its purpose does not have.
type enrollment struct {
	ID                          int64    `json:"id"`
	Configuration               int64    `json:"configuration"`
	OsqueryRelease              *string  `json:"osquery_release,omitempty"`
	EnrolledMachinesCount       int      `json:"enrolled_machines_count"`
	Secret                      secret   `json:"secret"`
	PackageDownloadURL          string   `json:"package_download_url"`
	ScriptDownloadURL           string   `json:"script_download_url,omitempty"`
	PowershellScriptDownloadURL string   `json:"powershell_script_download_url,omitempty"`
	Version                     int      `json:"version"`
	CreatedAt                   drf.Time `json:"created_at"`
	UpdatedAt                   drf.Time `json:"updated_at"`
}

// secret is the part of an enrolment that says whom it lets in.
type secret struct {
	ID               int64    `json:"id"`
	Secret           string   `json:"secret"`
	MetaBusinessUnit *int64   `json:"meta_business_unit"`
	Tags             []int64  `json:"tags"`
	SerialNumbers    []string `json:"serial_numbers"`
	UDIDs            []string `json:"udids"`
	Quota            *int     `json:"quota"`
	RequestCount     int      `json:"request_count"`
}

const (
	maxQuota = 200_000
	// maxListed bounds the machines that an enrolment lists.
	maxListed = 10_000
)

func (a *API) enrollments(p store.Purpose) drf.Resource[store.Enrollment] {
	return drf.Resource[store.Enrollment]{
		App: string(p), Model: "enrollment", Object: "Enrollment", Label: "enrollment",
		List: func(r *http.Request) ([]store.Enrollment, error) {
			configuration, err := configurationFilter(r)
			if err != nil {
				return nil, err
			}
			return a.store.DeployedEnrollments(r.Context(), p, configuration)
		},
		Get: func(ctx context.Context, id int64) (store.Enrollment, error) {
			return a.store.Enrollment(ctx, p, id)
		},
		Create: func(ctx context.Context, body *drf.Object) (store.Enrollment, error) {
			var n store.EnrollmentSettings
			if err := readEnrollment(body, p, &n); err != nil {
				return store.Enrollment{}, err
			}
			return a.store.AddEnrollment(ctx, p, n, auth.NewEnrollmentSecret())
		},
		Update: func(ctx context.Context, id int64, body *drf.Object) (store.Enrollment, error) {
			return a.store.UpdateEnrollment(ctx, p, id, func(n *store.EnrollmentSettings) error {
				return readEnrollment(body, p, n)
			})
		},
		Remove: func(ctx context.Context, id int64) error { return a.store.DeleteEnrollment(ctx, p, id) },
		Show:   a.showEnrollment,
		Refuse: refuseEnrollment,
	}
}

// configurationFilter returns ?configuration_id=, 0 when there is none.
func configurationFilter(r *http.Request) (int64, error) {
	text := r.URL.Query().Get("configuration_id")
	if text == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, drf.FieldError("configuration_id", "Select a valid choice. That choice is not one of the available choices.")
	}
	return id, nil
}

// readEnrollment reads a body into settings: optional fields that are left out stay as they are.
func readEnrollment(body *drf.Object, p store.Purpose, n *store.EnrollmentSettings) error {
	if id, ok := body.ID("configuration", false, false); ok {
		n.Deployed = &id
	}
	if p == store.ForOsquery {
		if release, ok := body.Text("osquery_release", drf.Text{Optional: true, Blank: true, Max: 64}); ok {
			n.OsqueryRelease = release
		}
	}
	if inside := body.Object("secret", false, false); inside != nil && inside.Whole() {
		readSecret(inside, n)
	}
	return body.Err()
}

func readSecret(inside *drf.Object, n *store.EnrollmentSettings) {
	if id, ok := inside.ID("meta_business_unit", false, false); ok {
		n.MetaBusinessUnit = &id
	}
	if inside.Given("tags") {
		n.Tags = inside.IDs("tags", true)
	}
	item := drf.List{Max: maxListed, Item: drf.Text{Max: maxName}}
	texts(inside, "serial_numbers", item, &n.SerialNumbers)
	texts(inside, "udids", item, &n.UDIDs)
	quota, ok := inside.Int("quota", drf.Int{Optional: true, Nullable: true, Min: 1, Max: maxQuota})
	if ok || inside.Given("quota") {
		n.Quota = int(quota)
	}
}

// refuseEnrollment notes which of the objects that a body names there is none of.
func refuseEnrollment(refused *store.FieldError, body *drf.Object) {
	if refused.Field == "configuration" {
		id, _ := body.ID("configuration", false, false)
		body.Fail("configuration", drf.NoObject(id))
		return
	}
	inside := body.Object("secret", false, false)
	if inside == nil {
		return
	}
	if missing, ok := errors.AsType[*store.NoSuchTag](refused); ok {
		inside.Fail("tags", drf.NoObject(missing.ID))
		return
	}
	id, _ := inside.ID(refused.Field, true, true)
	inside.Fail(refused.Field, drf.NoObject(id))
}

func (a *API) showEnrollment(r *http.Request, e *store.Enrollment) any {
	path := fmt.Sprintf("%s/api/%s/enrollments/%d/", a.public.of(r), e.Purpose, e.ID)
	n := e.Settings()
	shown := enrollment{
		ID: e.ID, EnrolledMachinesCount: e.Machines, PackageDownloadURL: path + "package/", Version: e.Version,
		CreatedAt: drf.Time(e.CreatedAt), UpdatedAt: drf.Time(e.UpdatedAt),
		Secret: secret{
			ID: e.ID, Secret: e.Secret, MetaBusinessUnit: n.MetaBusinessUnit, Tags: append([]int64{}, n.Tags...),
			SerialNumbers: append([]string{}, n.SerialNumbers...), UDIDs: append([]string{}, n.UDIDs...), RequestCount: e.RequestCount,
		},
	}
	if e.Deployed != nil {
		shown.Configuration = *e.Deployed
	}
	if e.Quota > 0 {
		shown.Secret.Quota = &e.Quota
	}
	if e.Purpose == store.ForOsquery {
		shown.OsqueryRelease = &e.OsqueryRelease
		shown.ScriptDownloadURL, shown.PowershellScriptDownloadURL = path+"script/", path+"powershell_script/"
	}
	return shown
}
