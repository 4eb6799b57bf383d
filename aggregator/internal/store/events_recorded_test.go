// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// asked is a context of somebody who asks over HTTP.
func (w *world) asked() auth.Principal {
	return auth.Principal{
		Kind: auth.User, ID: 7, Name: "ada", Email: "ada@example.com", Grants: []auth.Grant{{Permissions: auth.SetOf(auth.All)}},
		Request: auth.NewRequest("browser", netip.MustParseAddr("192.0.2.7"), "POST", "/path", "/view"),
	}
}

// written returns the journal behind its first n rows, as what, machine's serial number and body.
func (w *world) written(n int) []string {
	w.t.Helper()
	rows := must(w.pool.Query(w.t.Context(), `
SELECT j.what || ' ' || coalesce(m.serial_number, '-') || ' ' || coalesce(j.body::text, '-')
FROM journal j LEFT JOIN machine m ON m.id = j.machine ORDER BY j.xid, j.id OFFSET $1`, n))(w.t)
	defer rows.Close()
	var all []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			w.t.Fatal(err)
		}
		all = append(all, line)
	}
	return all
}

// kinds are the entries without their bodies.
func kinds(entries []string) []string {
	var all []string
	for _, e := range entries {
		all = append(all, strings.Join(strings.SplitN(e, " ", 3)[:2], " "))
	}
	return all
}

// bodyOf decodes the body of an entry.
func bodyOf(t *testing.T, entry string) map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal([]byte(strings.SplitN(entry, " ", 3)[2]), &body); err != nil {
		t.Fatalf("%v: %s", err, entry)
	}
	return body
}

func TestTagsOfMachinesAreToldWithTheirNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := auth.WithPrincipal(t.Context(), w.asked())
	w.commit("S1", agentSource, report{"disks": {`{"name":"sda"}`}})
	before := len(w.written(0))
	add := []store.TagOperation{{Kind: store.AddTags, Taxonomy: "Colour", Names: []string{"blue"}}, {Kind: store.AddTags, Names: []string{"plain"}}}
	must(w.TagMachines(ctx, []string{"S1", "S2"}, add))(t)
	got := w.written(before)
	want := []string{"audit -", "audit -", "audit -", "tag S1", "tag S2"} // the taxonomy, both tags
	if !slices.Equal(kinds(got), want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	const request = `"request":{"user_agent":"browser","ip":"192.0.2.7","method":"POST","path":"/path","view":"/view","user":{"id":7,"username":"ada",` +
		`"email":"ada@example.com","is_remote":false,"is_service_account":false,"is_superuser":true,` +
		`"session":{"token_authenticated":false,"is_remote":false,"mfa_authenticated":false}}}`
	if want := `tag S2 {"added":[{"id":1,"name":"blue","taxonomy":{"id":1,"name":"Colour"}},{"id":2,"name":"plain"}],` + request + `}`; got[4] != want {
		t.Errorf("got  %s\nwant %s", got[4], want)
	}
	if n := w.count("SELECT count(*) FROM pending_evaluation"); n != 2 {
		t.Errorf("%d machines wait for their judgement, want 2", n)
	}
	before += len(got)
	must(w.TagMachines(t.Context(), []string{"S1"}, add))(t)
	if got := w.written(before); len(got) != 0 {
		t.Errorf("nothing changed: got %v", got)
	}
	must(w.TagMachines(t.Context(), []string{"S1"}, []store.TagOperation{{Kind: store.RemoveTags, Names: []string{"blue"}}}))(t)
	if got := w.written(before); len(got) != 1 || got[0] != `tag S1 {"removed":[{"id":1,"name":"blue","taxonomy":{"id":1,"name":"Colour"}}]}` {
		t.Errorf("got %v", got)
	}
}

func TestDeletedTagsAreToldOnceForEachMachine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := auth.WithPrincipal(t.Context(), w.asked())
	add := []store.TagOperation{{Kind: store.AddTags, Taxonomy: "Colour", Names: []string{"blue", "red"}}, {Kind: store.AddTags, Names: []string{"plain"}}}
	must(w.TagMachines(t.Context(), []string{"S1", "S2"}, add))(t)
	before := len(w.written(0))
	must(w.DeleteTaxonomy(ctx, 1))(t)
	got := w.written(before)
	if want := []string{"tag S1", "tag S2", "audit -", "audit -", "audit -"}; !slices.Equal(kinds(got), want) {
		t.Fatalf("got %v, want %v", kinds(got), want)
	}
	body := bodyOf(t, got[0])
	if removed := fmt.Sprint(body["removed"]); removed != "[map[id:1 name:blue taxonomy:map[id:1 name:Colour]] map[id:3 name:red taxonomy:map[id:1 name:Colour]]]" {
		t.Errorf("got %s", removed)
	}
	if request, _ := body["request"].(map[string]any); request["view"] != "/view" || body["added"] != nil {
		t.Errorf("got %v", body)
	}
	audited := must(w.ListAudit(t.Context(), store.AuditFilter{Object: "tag", ObjectID: "1", Action: "deleted"}, 0, 10))(t)
	if len(audited) != 1 || !strings.Contains(string(audited[0].Before), `"taxonomy_name":"Colour"`) || len(audited[0].Request) == 0 {
		t.Errorf("got %+v", audited)
	}
}

func TestTheJournalPointsAtTheAuditLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	unit := must(w.CreateMetaBusinessUnit(t.Context(), store.MetaBusinessUnit{Name: "unit"}))(t)
	taxonomy := must(w.CreateTaxonomy(t.Context(), store.Taxonomy{Name: "kind", MetaBusinessUnit: &unit.ID}))(t)
	tag := must(w.CreateTag(t.Context(), store.Tag{Name: "old", Color: "ffffff", Taxonomy: &taxonomy.ID, MetaBusinessUnit: &unit.ID}))(t)
	must(w.UpdateTag(t.Context(), tag.ID, func(t *store.Tag) error {
		t.Name, t.Taxonomy = "new", nil
		return nil
	}))(t)
	if n := w.count(`SELECT count(*) FROM journal j JOIN audit a ON a.id::text = j.detail WHERE j.what = 'audit'`); n != 4 {
		t.Errorf("%d rows of the audit log are in the journal, want 4", n)
	}
	audited := must(w.ListAudit(t.Context(), store.AuditFilter{Object: "tag"}, 0, 10))(t)
	if len(audited) != 2 {
		t.Fatalf("got %+v", audited)
	}
	const was = `{"id":1,"name":"old","slug":"old","color":"ffffff","taxonomy":1,"meta_business_unit":1,"taxonomy_name":"kind","meta_business_unit_name":"unit"}`
	if string(audited[0].Before) != was || string(audited[1].After) != was || strings.Contains(string(audited[0].After), "taxonomy_name") {
		t.Errorf("got %s, then %s", audited[0].Before, audited[0].After)
	}
	if audited[0].Request != nil {
		t.Errorf("nobody asked over HTTP: got %s", audited[0].Request)
	}
}

func TestEnrolmentsAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	n := store.NewEnrollment{Name: "laptops", SecretDigest: auth.DigestOf("secret"), Tags: []string{"blue"}, BusinessUnit: "unit", Quota: 2, SerialNumbers: []string{"S", "T"}}
	must(w.CreateEnrollment(ctx, n))(t)
	w.commit("S", agentSource, report{"disks": {`{"name":"sda"}`}})
	before := len(w.written(0))
	enrol := func(digest, secret string, instance []byte) error {
		c := store.NewCredential{Digest: auth.DigestOf(digest), Serial: "S", Modules: []string{"rollcall.agent"}, Identity: json.RawMessage(`{}`), Instance: instance}
		if secret != "" {
			c.Secret = auth.DigestOf(secret)
			c.Request = auth.NewRequest("", netip.MustParseAddr("192.0.2.9"), "POST", "/Enroll", "")
		}
		_, err := w.Issue(ctx, c)
		return err
	}
	for i, secret := range []string{"secret", "secret"} {
		if err := enrol(fmt.Sprint("c", i), secret, []byte("process")); err != nil {
			t.Fatal(err)
		}
	}
	if err := enrol("rotated", "", nil); err != nil { // nobody enrols
		t.Fatal(err)
	}
	if err := enrol("late", "secret", []byte("process")); err == nil || store.RefusalReason(err) != "quota used up" {
		t.Errorf("got %v", err)
	}
	got := w.written(before)
	if want := []string{"event S", "event S", "tag S", "event S", "event S"}; !slices.Equal(kinds(got), want) {
		t.Fatalf("got %v, want %v", kinds(got), want)
	}
	verified, first, second := bodyOf(t, got[0]), bodyOf(t, got[1]), bodyOf(t, got[4])
	payload, _ := verified["payload"].(map[string]any)
	enrollment, _ := payload["enrollment"].(map[string]any)
	secret, _ := enrollment["enrollment_secret"].(map[string]any)
	if verified["type"] != "enrollment_secret_verification" || payload["status"] != "success" || payload["type"] != "rollcall_enrollment" ||
		secret["request_count"] != 1.0 || secret["quota"] != 2.0 || secret["is_used_up"] != false || secret["is_revoked"] != false || secret["revoked_at"] != nil ||
		fmt.Sprint(secret["tags"]) != "[map[name:blue pk:1]]" || fmt.Sprint(secret["serial_numbers"]) != "[S T]" || secret["udids"] != nil ||
		fmt.Sprint(verified["objects"]) != "map[enrollment:[1]]" || fmt.Sprint(verified["request"]) != "map[ip:192.0.2.9 method:POST path:/Enroll]" {
		t.Errorf("got %v", verified)
	}
	if first["type"] != "rollcall_enrollment" || fmt.Sprint(first["payload"], second["payload"]) != "map[action:enrollment] map[action:re-enrollment]" {
		t.Errorf("got %v and %v", first, second)
	}
	if n := w.count("SELECT count(*) FROM pending_evaluation"); n != 1 {
		t.Errorf("%d machines wait for their judgement, want 1", n)
	}
}

func TestRefusedEnrolmentsAreToldWithoutAMachine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(w.CreateEnrollment(t.Context(), store.NewEnrollment{Name: "laptops", SecretDigest: auth.DigestOf("secret")}))(t)
	before := len(w.written(0))
	for _, r := range []store.RefusedEnrollment{
		{Reason: "unknown secret", Secret: auth.DigestOf("guess"), Times: 12, Serial: "S"},
		{Reason: "revoked", Secret: auth.DigestOf("secret"), Times: 1},
	} {
		if err := w.RecordRefusal(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	got := w.written(before)
	if want := []string{"event -", "event -"}; !slices.Equal(kinds(got), want) {
		t.Fatalf("got %v", got)
	}
	if payload := fmt.Sprint(bodyOf(t, got[0])["payload"]); payload != "map[reason:unknown secret reported_serial_number:S status:failure times:12 type:rollcall_enrollment]" {
		t.Errorf("got %s", payload)
	}
	payload, _ := bodyOf(t, got[1])["payload"].(map[string]any)
	if enrollment, _ := payload["enrollment"].(map[string]any); enrollment["pk"] != 1.0 || payload["reason"] != "revoked" {
		t.Errorf("got %v", payload)
	}
	if n := w.count("SELECT count(*) FROM machine"); n != 0 {
		t.Errorf("%d machines were made", n)
	}
}

func TestConflictsSayWhatTurnedUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := must(w.issue("S", "c", ""))(t)
	before := len(w.written(0))
	must(w.Freeze(t.Context(), c.ID, store.Conflict{Why: "two", Module: "rollcall.agent", Reported: map[string]string{"serial_number": "S"}}))(t)
	body := bodyOf(t, w.written(before)[0])
	if got := fmt.Sprint(body); got != "map[enrollment_serial_number:S module:rollcall.agent reported_machine_info:map[serial_number:S]]" {
		t.Errorf("got %s", got)
	}
}

func TestCleanupsAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cleaned := must(w.CleanHistory(t.Context(), 3, func(int64, int64) {}))(t)
	if err := w.RecordCleanupFinished(t.Context(), map[string]any{"days": 3, "duration": 1.5}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`event - {"type":"inventory_cleanup_started","namespace":"inventory_cleanup_started","tags":["inventory","inventory_cleanup","zentral"],"payload":{"cleanup":{"days":3,"max_date":"` +
			cleaned.MaxDate() + `"}}}`,
		`event - {"type":"inventory_cleanup_finished","namespace":"inventory_cleanup_finished","tags":["inventory","inventory_cleanup","zentral"],"payload":{"cleanup":{"days":3,"duration":1.5}}}`,
	}
	if got := w.written(0); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestPlacesInTheJournal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	end := must(w.JournalEnd(t.Context()))(t)
	w.commit("S1", agentSource, report{"disks": {`{"name":"sda"}`}})
	var xid, id int64
	if err := w.pool.QueryRow(t.Context(), `SELECT xid::text::bigint, id FROM journal ORDER BY xid, id LIMIT 1`).Scan(&xid, &id); err != nil {
		t.Fatal(err)
	}
	if entry := (store.Position{XID: uint64(xid), ID: id}); !end.Before(entry) || entry.Before(end) || entry.Before(entry) {
		t.Errorf("the end was %v, an entry behind it %v", end, entry)
	}
	tagged := must(w.TagMachines(t.Context(), []string{"S1", "S2"}, []store.TagOperation{{Kind: store.AddTags, Names: []string{"a"}}}))(t)
	reached := must(w.InReach(t.Context(), append(tagged.Changed, 99), []int64{1, 50}))(t)
	if len(reached) != 2 || len(must(w.InReach(t.Context(), tagged.Changed, []int64{50}))(t)) != 0 {
		t.Errorf("got %v", reached)
	}
}
