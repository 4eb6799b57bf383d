// SPDX-License-Identifier: Apache-2.0

//go:build unix

package v1_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestAnEnrolmentShowsItsSecretOnce(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Unindexed: true})
	w.Ask(http.MethodPost, "/api/inventory/meta_business_units/", `{"name":"Hamburg"}`).Want(http.StatusCreated)
	w.Ask(http.MethodPost, "/api/inventory/tags/", `{"name":"web"}`).Want(http.StatusCreated)
	w.Ask(http.MethodPost, "/api/v1/configurations", `{"name":"calm"}`).Want(http.StatusCreated)
	answer := w.Ask(http.MethodPost, "/api/v1/enrollments",
		`{"name":"servers","business_unit":1,"tags":[1,1],"serial_numbers":["A1"],"quota":2,"expires_at":"2099-01-01T00:00:00Z","configuration":1}`).Want(http.StatusCreated)
	created := answer.Object()
	secret, _ := created["secret"].(string)
	if len(secret) != 64 || created["state"] != "valid" || answer.Header.Get("Location") != "/api/v1/enrollments/1" {
		t.Errorf("created: got %s", answer.Body)
	}
	for _, name := range []string{`"business_unit":{"id":1,"name":"Hamburg"}`, `"tags":[{"id":1,"name":"web"}]`, `"configuration":{"id":1,"name":"calm"}`} {
		answer.Says(name)
	}
	issued, err := w.Store.Issue(t.Context(), store.NewCredential{Digest: auth.DigestOf("c"), Serial: "A1", Secret: auth.DigestOf(secret), Identity: []byte(`{}`)})
	if err != nil || issued.BusinessUnit.Name != "Hamburg" {
		t.Errorf("the secret enrols: got %+v, %v", issued, err)
	}
	read := w.Ask(http.MethodGet, "/api/v1/enrollments/1", nil).Want(http.StatusOK).Says(`"machine_count":1`)
	list := w.Ask(http.MethodGet, "/api/v1/enrollments", nil).Want(http.StatusOK)
	if strings.Contains(string(read.Body)+string(list.Body), secret[:8]) {
		t.Error("the secret is shown again")
	}
}

func TestAnEnrolmentIsChangedAndRevoked(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Unindexed: true})
	heard := 0
	w.OnConfiguration = func(ctx context.Context) error { heard++; return nil }
	w.Ask(http.MethodPost, "/api/inventory/meta_business_units/", `{"name":"Hamburg"}`).Want(http.StatusCreated)
	w.Ask(http.MethodPost, "/api/v1/enrollments", `{"name":"servers","quota":2}`).Want(http.StatusCreated)
	changed := w.Ask(http.MethodPut, "/api/v1/enrollments/1", `{"name":"web servers","business_unit":1}`).Want(http.StatusOK).Object()
	if changed["name"] != "web servers" || changed["quota"] != nil || changed["version"] != 2.0 || heard != 2 {
		t.Errorf("changed: got %v, agents heard of it %d times", changed, heard)
	}
	for range 2 {
		w.Ask(http.MethodDelete, "/api/v1/enrollments/1", nil).Want(http.StatusNoContent)
	}
	if list := w.Ask(http.MethodGet, "/api/v1/enrollments", nil).Want(http.StatusOK).List("enrollments"); len(list) != 1 || list[0]["state"] != "revoked" {
		t.Errorf("list: got %v", list)
	}
	w.Ask(http.MethodPut, "/api/v1/enrollments/7", `{"name":"x"}`).Want(http.StatusNotFound)
	w.Ask(http.MethodDelete, "/api/v1/enrollments/x", nil).Want(http.StatusNotFound)
}

func TestBadEnrolmentsAreRefused(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Unindexed: true})
	w.Ask(http.MethodPost, "/api/v1/enrollments", `{"name":"taken"}`).Want(http.StatusCreated)
	for body, says := range map[string]string{
		`{"name":" "}`:                               `"name":["It must not be empty."]`,
		`{"name":"taken"}`:                           `"name":["There is an enrolment with this name already."]`,
		`{"name":"a","business_unit":9}`:             `"business_unit":["There is none with this id."]`,
		`{"name":"a","configuration":9}`:             `"configuration":["There is none with this id."]`,
		`{"name":"a","tags":[4]}`:                    `"tags":["There is no tag 4."]`,
		`{"name":"a","quota":0}`:                     `"quota":["From 1 to`,
		`{"name":"a","serial_numbers":["A1",""]}`:    `"serial_numbers":["Entry 1: It must not be empty."]`,
		`{"name":"a","udids":["` + "\\u0000" + `"]}`: `It must not have a NUL.`,
		`{"name":"a","secret":"mine"}`:               `secret`,
	} {
		w.Ask(http.MethodPost, "/api/v1/enrollments", body).Want(http.StatusBadRequest).Says(says)
	}
	w.AskAs(w.Tokens[auth.Operator], http.MethodPost, "/api/v1/enrollments", `{"name":"a"}`).Want(http.StatusForbidden)
}

func TestWhoSeesSomeMachinesSeesNoEnrolments(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Unindexed: true})
	w.Ask(http.MethodPost, "/api/inventory/tags/", `{"name":"web"}`).Want(http.StatusCreated)
	w.Ask(http.MethodPost, "/api/v1/enrollments", `{"name":"servers","serial_numbers":["A1"]}`).Want(http.StatusCreated)
	scoped := w.TokenFor(apitest.Role{Permissions: auth.Permissions(), Tags: []int64{1}})
	for _, path := range []string{"/api/v1/enrollments", "/api/v1/enrollments/1"} {
		w.AskAs(scoped, http.MethodGet, path, nil).Want(http.StatusForbidden)
	}
}
