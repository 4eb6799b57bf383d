// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// events reads the list to where nothing comes any more, page by page, and returns the events whole.
func (w *world) events(token, query string) (all []map[string]any) {
	w.T.Helper()
	w.Settle()
	query, cursor, _ := strings.Cut(query, "&cursor=")
	for {
		path := "/api/v1/events?" + query
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		page := w.AskAs(token, http.MethodGet, path, nil).Want(http.StatusOK)
		events := page.List("events")
		all = append(all, events...)
		next, _ := page.Object()["next_cursor"].(string)
		if next == cursor || len(events) == 0 {
			return all
		}
		cursor = next
	}
}

// metaOf is the envelope of an event.
func metaOf(e map[string]any) map[string]any {
	meta, _ := e["_zentral"].(map[string]any)
	return meta
}

func outline(events []map[string]any) []string {
	var all []string
	for _, e := range events {
		meta := metaOf(e)
		serial, _ := meta["machine_serial_number"].(string)
		all = append(all, strings.TrimSpace(fmt.Sprint(meta["type"], " ", serial)))
	}
	return all
}

func (w *world) rename(serial, hostname string) {
	w.T.Helper()
	w.Ask(http.MethodPost, "/api/v1/snapshots", map[string]any{
		"source": map[string]any{"module": "test", "name": "door"}, "serial_number": serial,
		"system_info": map[string]any{"hostname": hostname},
	})
}

func (w *world) tagMachine(serial, tag string) {
	w.T.Helper()
	body := map[string]any{"operations": []any{map[string]any{"kind": "ADD", "taxonomy": "Colour", "names": []string{tag}}}, "serial_numbers": []string{serial}}
	w.Ask(http.MethodPost, "/api/v1/machines/tags", body).Want(http.StatusOK)
}

func TestEventsComeInTheOrderInWhichThingsHappened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rename("S1", "one")
	w.rename("S1", "two")
	w.tagMachine("S1", "blue")
	w.rename("S2", "other")
	want := []string{
		"add_machine S1", "add_machine_system_info S1", "remove_machine_system_info S1",
		"zentral_audit", "zentral_audit", "machine_tag S1", "add_machine S2",
	}
	viewed := func(events []map[string]any) []string {
		return slices.DeleteFunc(outline(events), func(line string) bool { // service accounts and tokens of the test itself
			return line == "zentral_audit"
		})
	}
	withoutAudit := slices.DeleteFunc(slices.Clone(want), func(line string) bool { return line == "zentral_audit" })
	for _, limit := range []int{1, 2, 3, 1000} {
		if got := viewed(w.events(w.Tokens[auth.Admin], fmt.Sprintf("limit=%d", limit))); !slices.Equal(got, withoutAudit) {
			t.Errorf("in pages of %d: got %v, want %v", limit, got, withoutAudit)
		}
	}
	tail := w.Ask(http.MethodGet, "/api/v1/events?from=now", nil).Want(http.StatusOK)
	if events := tail.List("events"); len(events) != 0 {
		t.Errorf("from now on: got %v", events)
	}
	w.rename("S3", "third")
	next, _ := tail.Object()["next_cursor"].(string)
	if got := outline(w.events(w.Tokens[auth.Admin], "limit=5&cursor="+next)); !slices.Equal(got, []string{"add_machine S3"}) {
		t.Errorf("behind now: got %v", got)
	}
}

func TestEventsAreFiltered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rename("S1", "one")
	w.rename("S2", "two")
	w.rename("S2", "three")
	w.tagMachine("S2", "blue")
	for query, want := range map[string][]string{
		"type=add_machine":                       {"add_machine S1", "add_machine S2"},
		"type=add_machine,machine_tag":           {"add_machine S1", "add_machine S2", "machine_tag S2"},
		"type=add_machine&type=machine_tag":      {"add_machine S1", "add_machine S2", "machine_tag S2"},
		"tag=machine_remove_update":              {"remove_machine_system_info S2"},
		"serial_number=S1":                       {"add_machine S1"},
		"serial_number=nobody":                   nil,
		"source=DOOR&type=add_machine":           {"add_machine S1", "add_machine S2"},
		"source=other":                           nil,
		"machine_tag=1&type=add_machine":         {"add_machine S2"},
		"expression=system_info.hostname=='two'": {"add_machine S2", "remove_machine_system_info S2"},
	} {
		got := outline(w.events(w.Tokens[auth.Admin], strings.ReplaceAll(query, "'", "%27")))
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
	for query, says := range map[string]string{
		"type=nothing": `"type"`, "platform=DOS": `"platform"`, "machine_tag=x": "machine_tag", "expression=a[": `"expression"`, "from=then": "from",
		"from=now&since=2026-01-01T00:00:00Z": "from", "cursor=x": "cursor", "limit=0": "limit", "serial_number=a&serial_number=b": "serial_number", "other=1": "other",
	} {
		w.Ask(http.MethodGet, "/api/v1/events?"+query, nil).Want(http.StatusBadRequest).Says(strings.ReplaceAll(says, `"`, ""))
	}
}

func TestPeopleSeeEventsOfMachinesInReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rename("IN", "in")
	w.rename("OUT", "out")
	w.tagMachine("IN", "blue")
	w.tagMachine("OUT", "red")
	w.Ask(http.MethodPost, "/api/v1/enrollments", `{"name":"laptops"}`).Want(http.StatusCreated)
	tag := w.Ask(http.MethodGet, "/api/v1/machines/IN/tags", nil).List("tags")[0]["id"].(float64)
	limited := w.TokenFor(apitest.Role{Tags: []int64{int64(tag)}})
	events := w.events(limited, "")
	if got, want := outline(events), []string{"add_machine IN", "machine_tag IN"}; !slices.Equal(got, want) {
		t.Errorf("who may see one machine: got %v, want %v", got, want)
	}
	if got := w.events(limited, "serial_number=OUT"); len(got) != 0 {
		t.Errorf("the other machine: got %v", got)
	}
	viewer := w.events(w.Tokens[auth.Viewer], "")
	if got := outline(viewer); slices.Contains(got, "zentral_audit") || !slices.Contains(got, "machine_tag OUT") {
		t.Errorf("a viewer: got %v", got)
	}
	for _, e := range slices.Concat(events, viewer) {
		if metaOf(e)["request"] != nil {
			t.Errorf("who may not read the audit log sees who asked: %v", e)
		}
	}
	if got := outline(w.events(w.Tokens[auth.Admin], "type=zentral_audit")); len(got) < 3 {
		t.Errorf("an admin: got %v", got)
	}
	w.AskAs(w.TokenOfNobody(), http.MethodGet, "/api/v1/events", nil).Want(http.StatusForbidden)
}

func TestOldCursorsAreToldToBeginAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rename("S1", "one")
	w.Settle()
	first := w.Ask(http.MethodGet, "/api/v1/events?limit=1", nil).Want(http.StatusOK)
	cursor, _ := first.Object()["next_cursor"].(string)
	if first.Object()["oldest"] == nil {
		t.Error("nothing says how far back events go")
	}
	w.rename("S1", "two")
	if _, err := w.Pool.Exec(t.Context(), `UPDATE journal SET at = at - interval '9 days'`); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	if _, err := w.Store.TrimJournal(t.Context(), 8, 1000); err != nil {
		t.Fatal(err)
	}
	w.rename("S1", "three")
	w.Settle()
	gone := w.Ask(http.MethodGet, "/api/v1/events?cursor="+cursor, nil).Want(http.StatusGone).Says("from=now")
	if gone.Object()["oldest"] == nil {
		t.Errorf("got %s", gone.Body)
	}
	if got := outline(w.events(w.Tokens[auth.Admin], "")); !slices.Equal(got, []string{"add_machine_system_info S1", "remove_machine_system_info S1"}) {
		t.Errorf("what is left: got %v", got)
	}
	if _, err := w.Store.Epoch(t.Context()); err != nil { // another one than that of the cursor
		t.Fatal(err)
	}
	w.Ask(http.MethodGet, "/api/v1/events?cursor="+cursor, nil).Want(http.StatusGone).Says("begin the list anew")
}

func TestEventsSinceAMomentLeaveOutWhatIsMuchOlder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 20 {
		w.rename("S", fmt.Sprint("name ", n))
	}
	if _, err := w.Pool.Exec(t.Context(), `UPDATE journal SET at = at - interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
	w.rename("S", "last")
	all := w.events(w.Tokens[auth.Admin], "since=2020-01-01T00:00:00Z&serial_number=S")
	if got := outline(all); len(got) != 1+2*20 {
		t.Errorf("since long ago: got %d events", len(got))
	}
	at, _ := metaOf(all[len(all)-1])["created_at"].(string)
	moment := strings.SplitN(at, "+", 2)[0] + "Z"
	got := outline(w.events(w.Tokens[auth.Admin], "since="+moment+"&serial_number=S"))
	if want := []string{"add_machine_system_info S", "remove_machine_system_info S"}; !slices.Equal(got, want) {
		t.Errorf("since %s: got %v, want %v", moment, got, want)
	}
}

func TestAuditAndEventsSayHowSomethingWasAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rename("S1", "one")
	req := apitest.Request(t, http.MethodPost, "/api/v1/machines/tags",
		`{"operations":[{"kind":"ADD","taxonomy":"Colour","names":["blue"]}],"serial_numbers":["S1"]}`)
	req.Header.Set("Authorization", "Token "+w.Tokens[auth.Admin])
	req.Header.Set("User-Agent", "goztl/1 "+strings.Repeat("é", 200))
	req.RemoteAddr = "192.0.2.7:4711"
	w.Send(req).Want(http.StatusOK)
	entry := w.Ask(http.MethodGet, "/api/v1/audit?object=machine", nil).Want(http.StatusOK).List("entries")[0]
	tagged := w.events(w.Tokens[auth.Admin], "type=machine_tag")
	if len(tagged) != 1 {
		t.Fatalf("got %v", tagged)
	}
	for where, section := range map[string]any{"audit": entry["request"], "event": metaOf(tagged[0])["request"]} {
		got, _ := section.(map[string]any)
		user, _ := got["user"].(map[string]any)
		session, _ := user["session"].(map[string]any)
		token, _ := session["token"].(map[string]any)
		agent, _ := got["user_agent"].(string)
		if got["ip"] != "192.0.2.7" || got["method"] != "POST" || got["path"] != "/api/v1/machines/tags" || got["view"] != "/api/v1/machines/tags" ||
			!strings.HasPrefix(agent, "goztl/1 é") || len(agent) > 256 || strings.ContainsRune(agent, '\ufffd') {
			t.Errorf("%s: got %v", where, got)
		}
		if user["username"] != "admin" || user["is_service_account"] != true || user["is_superuser"] != true || session["token_authenticated"] != true ||
			token["pk"] == nil || token["name"] != "admin" || session["mfa_authenticated"] != false {
			t.Errorf("%s: got %v", where, user)
		}
		if strings.Contains(fmt.Sprint(section), w.Tokens[auth.Admin]) {
			t.Errorf("%s: has the secret", where)
		}
	}
	if tag, _ := tagged[0]["tag"].(map[string]any); tag["name"] != "blue" {
		t.Errorf("got %v", tagged[0])
	}
	if taxonomy, _ := tagged[0]["taxonomy"].(map[string]any); taxonomy["name"] != "Colour" {
		t.Errorf("got %v", tagged[0])
	}
}

// TestAPageGoesOnBehindWhatIsReadAtOnce has more entries of the journal than that, each with an event.
func TestAPageGoesOnBehindWhatIsReadAtOnce(t *testing.T) {
	t.Parallel()
	const most = 60
	w := newWorld(t)
	w.rename("S1", "first")
	w.Settle()
	cursor, _ := w.Ask(http.MethodGet, "/api/v1/events?from=now", nil).Want(http.StatusOK).Object()["next_cursor"].(string)
	for i := range most {
		w.rename("S1", fmt.Sprint("name-", i))
	}
	w.Settle()
	page := w.Ask(http.MethodGet, "/api/v1/events?type=add_machine_system_info&limit=1000&cursor="+cursor, nil).Want(http.StatusOK)
	if got := len(page.List("events")); got != most {
		t.Errorf("a page of %d events, want all %d", got, most)
	}
}

func TestNobodyIsAheadOfWhatHappened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cursor, _ := w.Ask(http.MethodGet, "/api/v1/events?from=now", nil).Want(http.StatusOK).Object()["next_cursor"].(string)
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		t.Fatal(err)
	}
	forged := regexp.MustCompile(`"XID":\d+`).ReplaceAll(raw, []byte(`"XID":18446744073709551615`))
	path := "?cursor=" + base64.RawURLEncoding.EncodeToString(forged)
	for _, route := range []string{"/api/v1/events", "/api/v1/events/stream"} {
		w.Ask(http.MethodGet, route+path, nil).Want(http.StatusGone).Says("begin anew")
		w.Ask(http.MethodGet, route+"?cursor="+cursor, nil).Want(http.StatusOK)
	}
}
