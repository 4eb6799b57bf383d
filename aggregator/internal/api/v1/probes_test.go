// SPDX-License-Identifier: Apache-2.0

//go:build unix

package v1_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestAProbeShowsItsSecretWhenItIsMadeAndOnlyThen(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Unindexed: true})
	answer := w.Ask(http.MethodPost, "/api/v1/probes",
		`{"name":"ssh","url":"https://receiver.example/secret-path","filter":{"types":["add_machine_deb_package"],"expression":"deb_package.name == 'ssh'"}}`).Want(http.StatusCreated)
	created := answer.Object()
	secret, _ := created["secret"].(string)
	if !strings.HasPrefix(secret, "whsec_") || created["enabled"] != true || created["sink"] != "probe.1" || answer.Header.Get("Location") != "/api/v1/probes/1" {
		t.Errorf("created: %s", answer.Body)
	}
	rotated := w.Ask(http.MethodPost, "/api/v1/probes/1/secret", nil).Want(http.StatusOK).Object()
	if rotated["secret"] == secret || rotated["secret"] == nil || rotated["previous_secret_until"] == nil {
		t.Errorf("rotated: %v", rotated)
	}
	changed := w.Ask(http.MethodPut, "/api/v1/probes/1", `{"name":"sshd","url":"https://receiver.example/other","enabled":false}`).Want(http.StatusOK).Object()
	if changed["name"] != "sshd" || changed["enabled"] != false || changed["secret"] != nil {
		t.Errorf("changed: %v", changed)
	}
	read := string(w.Ask(http.MethodGet, "/api/v1/probes/1", nil).Want(http.StatusOK).Body)
	list := string(w.Ask(http.MethodGet, "/api/v1/probes", nil).Want(http.StatusOK).Body)
	audit := string(w.Ask(http.MethodGet, "/api/v1/audit?object=probe", nil).Want(http.StatusOK).Says(`"receiver":"https://receiver.example"`).Body)
	for _, hidden := range []string{secret[10:30], rotated["secret"].(string)[10:30]} { //nolint:forcetypeassert // it was compared above
		if strings.Contains(read+list+audit, hidden) {
			t.Error("a secret is shown again")
		}
	}
	if strings.Contains(audit, "secret-path") {
		t.Error("the audit log has the whole address")
	}
	w.Ask(http.MethodDelete, "/api/v1/probes/1", nil).Want(http.StatusNoContent)
	w.Ask(http.MethodGet, "/api/v1/probes/1", nil).Want(http.StatusNotFound)
	w.Ask(http.MethodPut, "/api/v1/probes/1", `{"name":"x","url":"https://a.example/"}`).Want(http.StatusNotFound)
	for _, token := range []string{w.Tokens[auth.Viewer], w.Tokens[auth.Operator]} {
		w.AskAs(token, http.MethodGet, "/api/v1/probes", nil).Want(http.StatusForbidden)
		w.AskAs(token, http.MethodGet, "/api/v1/sinks", nil).Want(http.StatusForbidden)
	}
}

func TestBadProbesAreRefused(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Unindexed: true})
	w.Ask(http.MethodPost, "/api/v1/probes", `{"name":"taken","url":"https://a.example/"}`).Want(http.StatusCreated)
	for body, says := range map[string]string{
		`{"name":"taken","url":"https://a.example/"}`:   `"name":["There is a probe with this name already."]`,
		`{"name":" ","url":"https://a.example/"}`:       `"name":["It must not be empty."]`,
		`{"name":"a","url":"http://a.example/"}`:        `plain http only to this machine`,
		`{"name":"a","url":"https://169.254.169.254/"}`: `never asked`,
		`{"name":"a"}`: `"url":`,
		`{"name":"a","url":"https://a.example/","filter":{"types":["nothing"]}}`:        `"filter.types[0]":`,
		`{"name":"a","url":"https://a.example/","filter":{"expression":"a["}}`:          `"filter.expression":`,
		`{"name":"a","url":"https://a.example/","filter":{"kinds":[]}}`:                 `kinds`,
		`{"name":"a","url":"https://a.example/","secret":"whsec_x"}`:                    `secret`,
		`{"name":"a","url":"https://a.example/","description":"` + "\\u0000" + `"}`:     `"description":`,
		`{"name":"a","url":"https://a.example/` + strings.Repeat("x", 3000) + `"}`:      `"url":`,
		`{"name":"` + strings.Repeat("x", 300) + `","url":"https://a.example/"}`:        `"name":`,
		`{"name":"a","url":"https://a.example/","filter":{"platforms":["AMIGA"]}}`:      `"filter.platforms[0]":`,
		`{"name":"a","url":"https://user:password@a.example/","filter":{"tags":["x"]}}`: `"url":`,
	} {
		w.Ask(http.MethodPost, "/api/v1/probes", body).Want(http.StatusBadRequest).Says(says)
	}
}

func TestAProbeIsTested(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Unindexed: true})
	var got string
	receiver := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what is missing is seen below
		got = string(body)
		rw.WriteHeader(http.StatusTeapot)
	}))
	t.Cleanup(receiver.Close)
	w.Ask(http.MethodPost, "/api/v1/probes", `{"name":"p","url":"`+receiver.URL+`"}`).Want(http.StatusCreated)
	answer := w.Ask(http.MethodPost, "/api/v1/probes/1/test", nil).Want(http.StatusOK).Object()
	if answer["status"] != 418.0 || answer["delivered"] != false || !strings.Contains(got, `"type":"probe_test"`) {
		t.Errorf("answer %v to %s", answer, got)
	}
	receiver.Close()
	if answer := w.Ask(http.MethodPost, "/api/v1/probes/1/test", nil).Want(http.StatusOK).Object(); answer["status"] != nil || answer["error"] == "" {
		t.Errorf("nobody there: %v", answer)
	}
}

func TestSinksAndDeadLettersAreLookedAfter(t *testing.T) {
	t.Parallel()
	w, ctx := apitest.New(t, apitest.Options{Unindexed: true}), t.Context()
	if _, err := w.Store.Epoch(ctx); err != nil {
		t.Fatal(err)
	}
	w.Ask(http.MethodPost, "/api/v1/probes", `{"name":"p","url":"https://receiver.example/secret-path"}`).Want(http.StatusCreated)
	for _, sql := range []string{
		`INSERT INTO sink (name, epoch, xid, id, disabled_at) SELECT 'webhook.old', gen_random_uuid(), '3', 0, now()`,
		`INSERT INTO sink (name, epoch, xid, id, holder, lease_until) SELECT 'file.held', gen_random_uuid(), '3', 0, gen_random_uuid(), now() + interval '1 hour'`,
	} {
		if _, err := w.Pool.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, letter := range []store.DeadLetter{
		{Sink: "webhook.old", EventID: "a:0", Type: "add_machine", SerialNumber: "S", Attempts: 20, LastError: "status 500", Event: []byte(`{"a":1}`)},
		{Sink: "probe.1", EventID: "b:0", Type: "zentral_audit", Attempts: 3, LastError: "status 400", Event: []byte(`{}`)},
		{Sink: "probe.1", EventID: "c:0", Type: "zentral_audit", Attempts: 3, LastError: "status 400", Event: []byte(`{}`)},
	} {
		if err := w.Store.PutDeadLetter(ctx, letter); err != nil {
			t.Fatal(err)
		}
	}
	sinks := map[any]map[string]any{}
	answer := w.Ask(http.MethodGet, "/api/v1/sinks", nil).Want(http.StatusOK)
	for _, s := range answer.List("sinks") {
		sinks[s["name"]] = s
	}
	if p := sinks["probe.1"]; p["target"] != "https://receiver.example" || p["wanted"] != true || p["dead_letters"] != 2.0 {
		t.Errorf("sinks: %s", answer.Body)
	}
	if old := sinks["webhook.old"]; old["wanted"] != false || old["disabled_at"] == nil || sinks["file.held"]["held"] != true {
		t.Errorf("sinks: %s", answer.Body)
	}

	if got := w.Ask(http.MethodGet, "/api/v1/dead_letters?sink=webhook.old&type=add_machine&serial=S", nil).Want(http.StatusOK).List("dead_letters"); len(got) != 1 || got[0]["event_id"] != "a:0" {
		t.Errorf("letters: %v", got)
	}
	page := w.Ask(http.MethodGet, "/api/v1/dead_letters?limit=2", nil).Want(http.StatusOK).Object()
	next, _ := page["next_cursor"].(string)
	if got := w.Ask(http.MethodGet, "/api/v1/dead_letters?limit=2&cursor="+next, nil).Want(http.StatusOK).List("dead_letters"); len(got) != 1 || got[0]["id"] != 1.0 {
		t.Errorf("second page: %v", got)
	}
	w.Ask(http.MethodPost, "/api/v1/dead_letters/1/replay", nil).Want(http.StatusNoContent)
	w.Ask(http.MethodPost, "/api/v1/dead_letters/replay", `{"sink":"probe.1"}`).Want(http.StatusOK).Says(`"replayed":2`)
	w.Ask(http.MethodPost, "/api/v1/dead_letters/replay", `{"sink":""}`).Want(http.StatusBadRequest)
	w.Ask(http.MethodPost, "/api/v1/dead_letters/9/replay", nil).Want(http.StatusNotFound)
	w.Ask(http.MethodGet, "/api/v1/dead_letters?serial=S", nil).Want(http.StatusOK).Says(`"replay_at":"2`)
	w.Ask(http.MethodDelete, "/api/v1/dead_letters/1", nil).Want(http.StatusNoContent)
	w.Ask(http.MethodDelete, "/api/v1/dead_letters/1", nil).Want(http.StatusNotFound)

	for range 2 {
		w.Ask(http.MethodPost, "/api/v1/sinks/webhook.old/enable", nil).Want(http.StatusNoContent)
	}
	for _, none := range []string{"webhook.none", "a%00b", "%FF"} {
		w.Ask(http.MethodPost, "/api/v1/sinks/"+none+"/enable", nil).Want(http.StatusNotFound)
		w.Ask(http.MethodDelete, "/api/v1/sinks/"+none, nil).Want(http.StatusNotFound)
	}
	w.Ask(http.MethodDelete, "/api/v1/sinks/webhook.old", nil).Want(http.StatusNoContent)
	w.Ask(http.MethodDelete, "/api/v1/sinks/webhook.old", nil).Want(http.StatusNotFound)
	w.Ask(http.MethodDelete, "/api/v1/sinks/file.held", nil).Want(http.StatusConflict).Says("take it out of the configuration")
	w.Ask(http.MethodDelete, "/api/v1/sinks/probe.1", nil).Want(http.StatusConflict).Says("delete that")
}
