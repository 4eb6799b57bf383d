// SPDX-License-Identifier: Apache-2.0

//go:build unix

package deployment_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// prepare makes two configurations of each kind, a meta business unit and a tag, all with the ids from 1 on.
func prepare(c *client) {
	c.t.Helper()
	for _, path := range []string{osqueryPath, munkiPath} {
		for _, name := range []string{"one", "two"} {
			c.send(http.MethodPost, path, `{"name":"`+name+`"}`).Want(http.StatusCreated)
		}
	}
	c.send(http.MethodPost, "/api/inventory/meta_business_units/", `{"name":"Hamburg","api_enrollment_enabled":true}`).Want(http.StatusCreated)
	c.send(http.MethodPost, "/api/inventory/tags/", `{"name":"web","taxonomy":null,"meta_business_unit":null}`).Want(http.StatusCreated)
}

// takeSecret takes the secret out of an enrolment, since it is another one every time.
func takeSecret(t *testing.T, object map[string]any) string {
	t.Helper()
	inside, _ := object["secret"].(map[string]any)
	text, _ := inside["secret"].(string)
	if len(text) != 64 {
		t.Fatalf("secret: got %q, want 64 characters", text)
	}
	delete(inside, "secret")
	return text
}

func TestEnrolmentsLiveAsTheProviderWantsThem(t *testing.T) {
	t.Parallel()
	for _, app := range []string{"osquery", "munki"} {
		t.Run(app, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, apitest.Options{})
			prepare(c)
			path := "/api/" + app + "/enrollments/"
			release, urls := "", `"package_download_url":"http://example.com`+path+`1/package/"`
			if app == "osquery" {
				release = `"osquery_release":"",`
				urls += `,"script_download_url":"http://example.com` + path + `1/script/","powershell_script_download_url":"http://example.com` + path + `1/powershell_script/"`
			}
			shown := func(configuration, version int, inside string) string {
				return fmt.Sprintf(`{"id":1,"configuration":%d,%s"enrolled_machines_count":0,"secret":{"id":1,"request_count":0,%s},%s,"version":%d}`,
					configuration, release, inside, urls, version)
			}
			inside := `"meta_business_unit":1,"tags":[1],"serial_numbers":["A1"],"udids":["9D3B1A52-7F0E-4C55-8A2B-0C1D2E3F4A5B"],"quota":7`
			created := c.object(http.MethodPost, path, `{"configuration":2,`+release+`"secret":{`+inside+`}}`, http.StatusCreated)
			secret := takeSecret(t, created)
			wants(t, "created", created, shown(2, 1, inside))

			imported := c.object(http.MethodGet, path+"1/", "", http.StatusOK)
			if got := takeSecret(t, imported); got != secret {
				t.Error("imported: another secret than it was created with")
			}
			wants(t, "imported", imported, shown(2, 1, inside))

			cleared := `"meta_business_unit":1,"tags":[],"serial_numbers":[],"udids":[],"quota":null`
			updated := c.object(http.MethodPut, path+"1/", `{"configuration":1,`+release+`"secret":{`+cleared+`}}`, http.StatusOK)
			if got := takeSecret(t, updated); got != secret {
				t.Error("updated: another secret than it was created with")
			}
			wants(t, "cleared", updated, shown(1, 2, cleared))

			for query, want := range map[string]int{"": 1, "?configuration_id=1": 1, "?configuration_id=2": 0, "?limit=1&offset=1": 1} {
				if got := len(c.list(path + query)); got != want {
					t.Errorf("list%s: got %d, want %d", query, got, want)
				}
			}
			c.send(http.MethodGet, path+"?configuration_id=x", "").Want(http.StatusBadRequest)
			wants(t, "configuration in use", list(c.send(http.MethodDelete, "/api/"+app+"/configurations/1/", "").Want(http.StatusBadRequest)),
				`["This configuration cannot be deleted"]`)
			c.send(http.MethodDelete, path+"1/", "").Want(http.StatusNoContent)
			wants(t, "gone", c.send(http.MethodGet, path+"1/", "").Want(http.StatusNotFound).Object(), `{"detail":"No Enrollment matches the given query."}`)
			c.send(http.MethodDelete, "/api/"+app+"/configurations/1/", "").Want(http.StatusNoContent)
		})
	}
}

func TestBadEnrolmentsAreRefusedInTheContractsWords(t *testing.T) {
	t.Parallel()
	c := newClient(t, apitest.Options{})
	prepare(c)
	tests := []struct{ body, want string }{
		{`{}`, `{"configuration":["This field is required."],"secret":["This field is required."]}`},
		{`{"configuration":"x","secret":[]}`, `{"configuration":["Incorrect type. Expected pk value, received str."],"secret":{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}}`},
		{`{"configuration":9,"secret":{"meta_business_unit":1}}`, `{"configuration":["Invalid pk \"9\" - object does not exist."]}`},
		{`{"configuration":1,"secret":{}}`, `{"secret":{"meta_business_unit":["This field is required."]}}`},
		{`{"configuration":1,"secret":{"meta_business_unit":8}}`, `{"secret":{"meta_business_unit":["Invalid pk \"8\" - object does not exist."]}}`},
		{`{"configuration":1,"secret":{"meta_business_unit":1,"tags":[1,7]}}`, `{"secret":{"tags":["Invalid pk \"7\" - object does not exist."]}}`},
		{`{"configuration":1,"secret":{"meta_business_unit":1,"quota":200001}}`, `{"secret":{"quota":["Ensure this value is less than or equal to 200000."]}}`},
		{`{"configuration":1,"secret":{"meta_business_unit":1,"serial_numbers":["A",""]}}`, `{"secret":{"serial_numbers":{"1":["This field may not be blank."]}}}`},
	}
	for _, test := range tests {
		wants(t, test.body, c.send(http.MethodPost, "/api/osquery/enrollments/", test.body).Want(http.StatusBadRequest).Object(), test.want)
	}
}

// The secret that readers see is one that a machine enrols with.
func TestTheSecretOfAnEnrolmentEnrols(t *testing.T) {
	t.Parallel()
	c := newClient(t, apitest.Options{})
	prepare(c)
	created := c.object(http.MethodPost, "/api/munki/enrollments/", `{"configuration":1,"secret":{"meta_business_unit":1,"serial_numbers":["A1"]}}`, http.StatusCreated)
	secret := auth.DigestOf(takeSecret(t, created))
	issued, err := c.Store.Issue(t.Context(), store.NewCredential{Digest: auth.DigestOf("credential"), Serial: "A1", Secret: secret, Identity: []byte(`{}`)})
	if err != nil || issued.BusinessUnit == nil || issued.BusinessUnit.Name != "Hamburg" {
		t.Fatalf("got %+v, %v", issued, err)
	}
	after := c.object(http.MethodGet, "/api/munki/enrollments/1/", "", http.StatusOK)
	inside, _ := after["secret"].(map[string]any)
	if after["enrolled_machines_count"] != 1.0 || inside["request_count"] != 1.0 {
		t.Errorf("got %v", after)
	}
}

func TestDeploymentObjectsAreForThoseWithTheirPermissions(t *testing.T) {
	t.Parallel()
	c := newClient(t, apitest.Options{})
	for _, app := range []string{"osquery", "munki"} {
		for _, object := range []string{"configurations", "enrollments"} {
			path := "/api/" + app + "/" + object + "/"
			c.AskAs("", http.MethodGet, path, nil).Want(http.StatusUnauthorized)
			c.AskAs(c.Tokens[auth.Viewer], http.MethodPost, path, `{"name":"a"}`).Want(http.StatusForbidden)
		}
		// A secret lets machines in: reading it is not for everybody.
		c.AskAs(c.Tokens[auth.Viewer], http.MethodGet, "/api/"+app+"/enrollments/", nil).Want(http.StatusForbidden)
		c.AskAs(c.Tokens[auth.Viewer], http.MethodGet, "/api/"+app+"/enrollments/1/package/", nil).Want(http.StatusForbidden)
	}
}

func TestWhoSeesSomeMachinesSeesNoSecrets(t *testing.T) {
	t.Parallel()
	c := newClient(t, apitest.Options{})
	c.send(http.MethodPost, "/api/inventory/tags/", `{"name":"web"}`).Want(http.StatusCreated)
	scoped := c.TokenFor(apitest.Role{Permissions: auth.Permissions(), Tags: []int64{1}})
	for path, status := range map[string]int{
		"/api/osquery/enrollments/": 403, "/api/osquery/enrollments/1/": 403, "/api/munki/enrollments/": 403, "/api/munki/enrollments/1/": 403,
		"/api/osquery/enrollments/1/script/": 403, "/api/osquery/enrollments/1/powershell_script/": 403, "/api/osquery/enrollments/1/package/": 403,
		"/api/munki/enrollments/1/package/": 403, "/api/osquery/configurations/": 200, "/api/munki/configurations/": 200,
	} {
		c.AskAs(scoped, http.MethodGet, path, nil).Want(status)
	}
}
