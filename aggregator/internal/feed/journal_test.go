// SPDX-License-Identifier: Apache-2.0

//go:build unix

package feed_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// entry writes a row of the journal; a body of "" is none.
func (w *world) entry(what string, machine, head int64, detail, body string) {
	w.t.Helper()
	w.exec(`INSERT INTO journal (what, machine, head, detail, body) VALUES ($1, nullif($2::bigint, 0), nullif($3::bigint, 0), $4, nullif($5, '')::json)`,
		what, machine, head, detail, body)
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.pool.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// told returns the events that one entry gives, as receivers get them and without what differs each time.
func (w *world) told(what string, machine, head int64, detail, body string) []string {
	w.t.Helper()
	w.settle()
	_, end := w.readFrom(store.Position{}, 1000, &event.Filter{Types: []string{"munki_request"}})
	w.entry(what, machine, head, detail, body)
	w.settle()
	events, _ := w.readFrom(end, 10, nil)
	told := []string{}
	for i := range events {
		got := decoded(w.t, &events[i])
		meta := got["_zentral"].(map[string]any)
		created := meta["created_at"].(string)
		delete(meta, "created_at")
		delete(meta, "id")
		if strings.HasSuffix(created, "+00:00") == events[i].Naive {
			w.t.Errorf("created_at %s, of its own: %v", created, events[i].Naive)
		}
		if events[i].Naive {
			meta["naive"] = true
		}
		text, err := json.Marshal(got)
		if err != nil {
			w.t.Fatal(err)
		}
		told = append(told, string(text))
	}
	return told
}

// define writes what versions of a check said.
const define = `
INSERT INTO check_definition (check_id, version, compliance_check_id, name, description, source_name, platforms, tags,
    jmespath_expression, severity, labels)
VALUES (5, $1, 12, 'Disk', 'big', 'osquery', '{}', '[{"id":1,"name":"prod","taxonomy":"Env"},{"id":2,"name":"x","taxonomy":null}]',
    'true', 'medium', '{}')`

func TestEntriesAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	head := w.push(machine("C1", "")).Head
	w.exec(define, 2)
	w.exec(`INSERT INTO taxonomy (name) VALUES ('Env')`)
	w.exec(`INSERT INTO meta_business_unit (name) VALUES ('IT')`)
	const about = `"machine_serial_number":"C1"`
	const check = `"description":"big","inventory_jmespath_check":{"jmespath_expression":"true","pk":5,"source_name":"osquery","tags":["Env: prod","x"]},` +
		`"model":"InventoryJMESPathCheck","name":"Disk","pk":12,`
	const objects = `"objects":{"compliance_check":["12"],"inventory_jmespath_check":["5"]},`
	const source = `"source":{"module":"zentral.contrib.osquery","name":"osquery"}`
	tests := []struct {
		name, what string
		head       int64
		body       string
		want       []string
	}{
		{
			"statuses", "status", head, `[{"check":5,"version":2,"status":300, "seconds":1,"previous":0},
				{"check":5,"version":1,"status":0},{"check":5,"version":2,"status":200}]`,
			[]string{
				`{"_zentral":{"index":0,` + about + `,"naive":true,"namespace":"compliance_check",` + objects +
					`"tags":["compliance_check","compliance_check_status","inventory_jmespath_check"],"type":"inventory_jmespath_check_status_updated"},` +
					check + `"previous_status":"OK","status":"FAILED","version":2}`,
				`{"_zentral":{"index":2,` + about + `,"naive":true,"namespace":"compliance_check",` + objects +
					`"tags":["compliance_check","compliance_check_status","inventory_jmespath_check"],"type":"inventory_jmespath_check_status_updated"},` +
					check + `"status":"UNKNOWN","version":2}`,
			},
		},
		{"statuses that only went away", "status", head, "", []string{}},
		{
			"overall", "compliance", 0, `{"status":300,"previous":0}`,
			[]string{`{"_zentral":{"index":0,` + about + `,"namespace":"compliance_check","tags":["compliance_check","compliance_check_status"],` +
				`"type":"machine_compliance_change"},"previous_status":"OK","status":"FAILED"}`},
		},
		{
			"the first overall", "compliance", 0, `{"status":0}`,
			[]string{`{"_zentral":{"index":0,` + about + `,"namespace":"compliance_check","tags":["compliance_check","compliance_check_status"],` +
				`"type":"machine_compliance_change"},"status":"OK"}`},
		},
		{"no overall any more", "compliance", 0, `{"previous":300}`, []string{}},
		{
			"tags", "tag", 0, `{"added":[{"id":3,"name":"Blue","taxonomy":{"id":1,"name":"Colour"}}],"removed":[{"id":4,"name":"Old"}],"request":{"method":"POST"}}`,
			[]string{
				`{"_zentral":{"index":0,` + about + `,"namespace":"machine_tag","request":{"method":"POST"},"tags":["machine"],"type":"machine_tag"},` +
					`"action":"added","tag":{"name":"Blue","pk":3},"taxonomy":{"name":"Colour","pk":1}}`,
				`{"_zentral":{"index":1,` + about + `,"namespace":"machine_tag","request":{"method":"POST"},"tags":["machine"],"type":"machine_tag"},` +
					`"action":"removed","tag":{"name":"Old","pk":4}}`,
			},
		},
		{
			"archived", "archive", head, "",
			[]string{`{"_zentral":{"index":0,` + about + `,"namespace":"inventory","tags":["machine"],"type":"machine_archived"},` + source + `}`},
		},
		{
			"revived", "revive", head, "",
			[]string{`{"_zentral":{"index":0,` + about + `,"namespace":"inventory","tags":["machine"],"type":"machine_revived"},` + source + `}`},
		},
		{
			"pruned", "prune", 1 << 40, "",
			[]string{`{"_zentral":{"index":0,` + about + `,"namespace":"inventory","tags":["machine"],"type":"machine_pruned"}}`},
		},
		{
			"conflict", "conflict", 0, `{"module":"m","reported_machine_info":{"a": 1},"enrollment_serial_number":"C1"}`,
			[]string{`{"_zentral":{"index":0,` + about + `,"namespace":"zentral_machine_conflict","tags":["machine"],"type":"zentral_machine_conflict"},` +
				`"enrollment_serial_number":"C1","module":"m","reported_machine_info":{"a":1}}`},
		},
		{
			"ready made", "event", 0, `{"type":"inventory_cleanup_started", "tags":["inventory","zentral"],"payload":{"cleanup":{"days":7}},"objects":{"a":["1"]}}`,
			[]string{`{"_zentral":{"index":0,` + about + `,"namespace":"inventory_cleanup_started","objects":{"a":["1"]},"tags":["inventory","inventory_cleanup","zentral"],` +
				`"type":"inventory_cleanup_started"},"cleanup":{"days":7}}`},
		},
		{"hints", "check", 0, "", []string{}},
	}
	for _, test := range tests { // one after the other: they read the same journal
		if got := w.told(test.what, w.machine("C1"), test.head, "", test.body); !slices.Equal(got, test.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
}

// machine returns the id of a machine that is registered.
func (w *world) machine(serial string) (id int64) {
	w.t.Helper()
	if err := w.pool.QueryRow(w.t.Context(), `SELECT id FROM machine WHERE serial_number = $1`, serial).Scan(&id); err != nil {
		w.t.Fatal(err)
	}
	return id
}

func TestTheAuditLogIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	w.exec(define, 2)
	w.exec(`INSERT INTO taxonomy (name) VALUES ('Env')`)
	w.exec(`INSERT INTO meta_business_unit (name) VALUES ('IT')`)
	tests := []struct{ action, object, id, before, after, want string }{
		{
			"updated", "tag", "7", `{"id":7,"name":"a","slug":"a","color":"ff0000","taxonomy":null,"meta_business_unit":1}`,
			`{"id":7,"name":"b","slug":"b","color":"ff0000","taxonomy":1,"meta_business_unit":null}`,
			`{"_zentral":{"index":0,"namespace":"zentral_audit","objects":{"tag":["7"]},"request":{"method":"PUT"},"tags":["inventory","zentral"],"type":"zentral_audit"},` +
				`"action":"updated","object":{"model":"inventory.tag","new_value":{"color":"ff0000","name":"b","pk":7,"slug":"b","taxonomy":{"name":"Env","pk":1}},` +
				`"pk":"7","prev_value":{"color":"ff0000","meta_business_unit":{"name":"IT","pk":1},"name":"a","pk":7,"slug":"a"}}}`,
		},
		{
			"deleted", "taxonomy", "2", `{"id":2,"name":"t","meta_business_unit":null,"created_at":"2026-01-02T03:04:05.5Z","updated_at":"2026-01-02T03:04:05Z"}`, ``,
			`{"_zentral":{"index":0,"namespace":"zentral_audit","objects":{"taxonomy":["2"]},"request":{"method":"PUT"},"tags":["inventory","zentral"],"type":"zentral_audit"},` +
				`"action":"deleted","object":{"model":"inventory.taxonomy","pk":"2","prev_value":{"created_at":"2026-01-02T03:04:05.500000","name":"t","pk":2,"updated_at":"2026-01-02T03:04:05"}}}`,
		},
		{
			"created", "meta_business_unit", "3", ``, `{"id":3,"name":"IT","api_enrollment_enabled":true,"created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z"}`,
			`{"_zentral":{"index":0,"namespace":"zentral_audit","objects":{"meta_business_unit":["3"]},"request":{"method":"PUT"},"tags":["inventory","zentral"],"type":"zentral_audit"},` +
				`"action":"created","object":{"model":"inventory.metabusinessunit","new_value":{"api_enrollment_enabled":true,"created_at":"2026-01-02T03:04:05","name":"IT","pk":3,"updated_at":"2026-01-02T03:04:05"},"pk":"3"}}`,
		},
		{
			"revoked", "token", "abc", `{"name":"ci"}`, ``,
			`{"_zentral":{"index":0,"namespace":"zentral_audit","objects":{"token":["abc"]},"request":{"method":"PUT"},"tags":["inventory","zentral"],"type":"zentral_audit"},` +
				`"action":"revoked","object":{"model":"accounts.token","pk":"abc","prev_value":{"name":"ci"}}}`,
		},
		{
			"updated", "jmespath_check", "5", `{"id":5,"version":1}`,
			`{"id":5,"compliance_check_id":12,"name":"Disk","description":"","version":2,"source_name":"osquery","tags":[1],"jmespath_expression":"true"}`,
			`{"_zentral":{"index":0,"namespace":"compliance_check","objects":{"compliance_check":["12"],"inventory_jmespath_check":["5"]},"request":{"method":"PUT"},` +
				`"tags":["compliance_check","inventory_jmespath_check"],"type":"inventory_jmespath_check_updated"},"description":"",` +
				`"inventory_jmespath_check":{"jmespath_expression":"true","pk":5,"source_name":"osquery","tags":["Env: prod"]},` +
				`"model":"InventoryJMESPathCheck","name":"Disk","pk":12,"version":2}`,
		},
	}
	for _, test := range tests {
		var id int64
		err := w.pool.QueryRow(t.Context(), `INSERT INTO audit (actor_kind, actor_name, action, object, object_id, object_name, before, after, request)
			VALUES ('user', 'u', $1, $2, $3, '', nullif($4, '')::json, nullif($5, '')::json, '{"method": "PUT"}') RETURNING id`,
			test.action, test.object, test.id, test.before, test.after).Scan(&id)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.told("audit", 0, 0, fmt.Sprint(id), ""); !slices.Equal(got, []string{test.want}) {
			t.Errorf("%s %s: got\n%s\nwant\n%s", test.object, test.action, strings.Join(got, "\n"), test.want)
		}
	}
}
