// SPDX-License-Identifier: Apache-2.0

//go:build unix

package deployment_test

import (
	"net/http"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
)

const (
	osqueryPath = "/api/osquery/configurations/"
	munkiPath   = "/api/munki/configurations/"
)

func TestOsqueryConfigurationsLiveAsTheProviderWantsThem(t *testing.T) {
	t.Parallel()
	c := newClient(t, apitest.Options{})
	body := `{"name":"prod","description":"","inventory":true,"inventory_apps":true,"inventory_ec2":false,"inventory_interval":3600,"options":{"config_refresh":120},"automatic_table_constructions":[],"file_categories":[]}`
	want := `{"id":1,` + body[1:]
	wants(t, "created", c.object(http.MethodPost, osqueryPath, body, http.StatusCreated), want)
	wants(t, "read", c.object(http.MethodGet, osqueryPath+"1/", "", http.StatusOK), want)
	wants(t, "by name", c.list(osqueryPath+"?name=prod"), "["+want+"]")
	wants(t, "no such name", c.list(osqueryPath+"?name=PROD"), "[]")
	wants(t, "no name at all", c.list(osqueryPath+"?name=%FF"), "[]")
	wants(t, "defaults", c.object(http.MethodPost, osqueryPath, `{"name":"plain"}`, http.StatusCreated),
		`{"id":2,"name":"plain","description":"","inventory":true,"inventory_apps":false,"inventory_ec2":false,"inventory_interval":86400,"options":{},"automatic_table_constructions":[],"file_categories":[]}`)
	wants(t, "partly changed", c.object(http.MethodPut, osqueryPath+"1/", `{"name":"prod2","options":{}}`, http.StatusOK),
		`{"id":1,"name":"prod2","description":"","inventory":true,"inventory_apps":true,"inventory_ec2":false,"inventory_interval":3600,"options":{},"automatic_table_constructions":[],"file_categories":[]}`)
	c.send(http.MethodDelete, osqueryPath+"2/", "").Want(http.StatusNoContent)
	wants(t, "gone", c.send(http.MethodGet, osqueryPath+"2/", "").Want(http.StatusNotFound).Object(), `{"detail":"No Configuration matches the given query."}`)
}

func TestMunkiConfigurationsLiveAsTheProviderWantsThem(t *testing.T) {
	t.Parallel()
	c := newClient(t, apitest.Options{})
	wants(t, "defaults", c.object(http.MethodPost, munkiPath, `{"name":"plain"}`, http.StatusCreated),
		`{"id":1,"version":0,"name":"plain","description":"","inventory_apps_full_info_shard":100,"principal_user_detection_sources":[],"principal_user_detection_domains":[],"collected_condition_keys":[],"managed_installs_sync_interval_days":7,"script_checks_run_interval_seconds":86400,"auto_reinstall_incidents":false,"auto_failed_install_incidents":false}`)
	body := `{"name":"prod","description":"d","inventory_apps_full_info_shard":50,"principal_user_detection_sources":["logged_in_user"],"principal_user_detection_domains":["example.com"],"collected_condition_keys":["arch"],"managed_installs_sync_interval_days":1,"script_checks_run_interval_seconds":7200,"auto_reinstall_incidents":true,"auto_failed_install_incidents":true}`
	wants(t, "changed", c.object(http.MethodPut, munkiPath+"1/", body, http.StatusOK), `{"id":1,"version":1,`+body[1:])
	wants(t, "by name", c.list(munkiPath+"?name=prod"), `[{"id":1,"version":1,`+body[1:]+`]`)
	c.send(http.MethodDelete, munkiPath+"1/", "").Want(http.StatusNoContent)
	c.send(http.MethodDelete, munkiPath+"1/", "").Want(http.StatusNotFound)
}

func TestBadConfigurationsAreRefusedInTheContractsWords(t *testing.T) {
	t.Parallel()
	c := newClient(t, apitest.Options{})
	c.send(http.MethodPost, osqueryPath, `{"name":"taken"}`).Want(http.StatusCreated)
	c.send(http.MethodPost, munkiPath, `{"name":"taken"}`).Want(http.StatusCreated)
	tests := []struct{ path, body, want string }{
		{osqueryPath, `{}`, `{"name":["This field is required."]}`},
		{osqueryPath, `{"name":"taken"}`, `{"name":["configuration with this name already exists."]}`},
		{osqueryPath, `{"name":"a","inventory_interval":299}`, `{"inventory_interval":["Ensure this value is greater than or equal to 300."]}`},
		{osqueryPath, `{"name":"a","inventory_interval":172801}`, `{"inventory_interval":["Ensure this value is less than or equal to 172800."]}`},
		{osqueryPath, `{"name":"a","options":[]}`, `{"options":{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}}`},
		{osqueryPath, `{"name":"a","file_categories":[9]}`, `{"file_categories":["Invalid pk \"9\" - object does not exist."]}`},
		{osqueryPath, `{"name":"a","inventory":"maybe"}`, `{"inventory":["Must be a valid boolean."]}`},
		{munkiPath, `{"name":"taken"}`, `{"name":["configuration with this name already exists."]}`},
		{munkiPath, `{"name":"a","principal_user_detection_sources":["guess"]}`, `{"principal_user_detection_sources":{"0":["\"guess\" is not a valid choice."]}}`},
		{munkiPath, `{"name":"a","inventory_apps_full_info_shard":0}`, `{"inventory_apps_full_info_shard":["Ensure this value is greater than or equal to 1."]}`},
	}
	for _, test := range tests {
		wants(t, test.path+" "+test.body, c.send(http.MethodPost, test.path, test.body).Want(http.StatusBadRequest).Object(), test.want)
	}
	for path, status := range map[string]int{
		osqueryPath + "99999999999999999999/": http.StatusNotFound, osqueryPath + "x/": http.StatusNotFound,
		osqueryPath + "?name=%00": http.StatusBadRequest, "/api/osquery/nothing/": http.StatusNotFound,
	} {
		c.send(http.MethodGet, path, "").Want(status)
	}
	wants(t, "PATCH", c.send(http.MethodPatch, osqueryPath+"1/", `{}`).Want(http.StatusMethodNotAllowed).Object(), `{"detail":"Method \"PATCH\" not allowed."}`)
}
