// SPDX-License-Identifier: Apache-2.0

package drf

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
)

// bodyOf is what a client is told of an error.
func bodyOf(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	problem, ok := errors.AsType[*api.Problem](err)
	if !ok {
		t.Fatalf("%v is no problem", err)
	}
	rec := httptest.NewRecorder()
	Write(rec, httptest.NewRequest(http.MethodPatch, "/", nil), problem)
	if got := rec.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type is %q", got)
	}
	return strings.TrimSpace(rec.Body.String())
}

func TestFieldsAreRefusedInTheContractsWords(t *testing.T) {
	t.Parallel()
	name := func(f Text) func(*Object) { return func(o *Object) { o.Text("f", f) } }
	list := func(f List) func(*Object) { return func(o *Object) { o.Texts("f", f) } }
	number := func(f Int) func(*Object) { return func(o *Object) { o.Int("f", f) } }
	boolean := func(o *Object) { o.Bool("f", false) }
	id := func(o *Object) { o.ID("f", false, false) }
	ids := func(o *Object) { o.IDs("f", false) }
	kinds := Text{Choices: []string{"SET", "ADD"}}
	tests := []struct {
		body string
		read func(*Object)
		want string // "": nothing is wrong
	}{
		{`{}`, name(Text{}), `{"f":["This field is required."]}`},
		{`{}`, name(Text{Optional: true}), ``},
		{`{"f":null}`, name(Text{Optional: true}), `{"f":["This field may not be null."]}`},
		{`{"f":null}`, name(Text{Nullable: true}), ``},
		{`{"f":" \t"}`, name(Text{}), `{"f":["This field may not be blank."]}`},
		{`{"f":""}`, name(Text{Blank: true}), ``},
		{`{"f":true}`, name(Text{}), `{"f":["Not a valid string."]}`},
		{`{"f":["a"]}`, name(Text{}), `{"f":["Not a valid string."]}`},
		{`{"f":7}`, name(Text{}), ``},
		{`{"f":"a\u0000b"}`, name(Text{}), `{"f":["Null characters are not allowed."]}`},
		{`{"f":"` + strings.Repeat("é", 256) + ` "}`, name(Text{Max: 256}), ``},
		{`{"f":"` + strings.Repeat("é", 257) + `"}`, name(Text{Max: 256}), `{"f":["Ensure this field has no more than 256 characters."]}`},
		{`{"f":"a"}`, name(Text{Min: 2}), `{"f":["Ensure this field has at least 2 characters."]}`},
		{`{"f":"set"}`, name(kinds), `{"f":["\"set\" is not a valid choice."]}`},
		{`{"f":"a\"<b"}`, name(kinds), `{"f":["\"a\"<b\" is not a valid choice."]}`},
		{`{"f":true}`, name(kinds), `{"f":["\"True\" is not a valid choice."]}`},

		{`{"f":"x"}`, number(Int{}), `{"f":["A valid integer is required."]}`},
		{`{"f":1.5}`, number(Int{}), `{"f":["A valid integer is required."]}`},
		{`{"f":true}`, number(Int{}), `{"f":["A valid integer is required."]}`},
		{`{"f":" 12 "}`, number(Int{}), ``},
		{`{"f":12.0}`, number(Int{}), ``},
		{`{"f":99999999999999999999}`, number(Int{}), `{"f":["A valid integer is required."]}`},
		{`{"f":99999999999999999999}`, number(Int{Min: 10, Max: 20}), `{"f":["Ensure this value is less than or equal to 20."]}`},
		{`{"f":-99999999999999999999}`, number(Int{Min: 10, Max: 20}), `{"f":["Ensure this value is greater than or equal to 10."]}`},
		{`{"f":9}`, number(Int{Min: 10, Max: 20}), `{"f":["Ensure this value is greater than or equal to 10."]}`},
		{`{"f":21}`, number(Int{Min: 10, Max: 20}), `{"f":["Ensure this value is less than or equal to 20."]}`},

		{`{"f":"maybe"}`, boolean, `{"f":["Must be a valid boolean."]}`},
		{`{"f":[]}`, boolean, `{"f":["Must be a valid boolean."]}`},
		{`{"f":"Yes"}`, boolean, ``},
		{`{"f":0}`, boolean, ``},
		{`{"f":null}`, boolean, `{"f":["This field may not be null."]}`},

		{`{"f":"x"}`, id, `{"f":["Incorrect type. Expected pk value, received str."]}`},
		{`{"f":true}`, id, `{"f":["Incorrect type. Expected pk value, received bool."]}`},
		{`{"f":{}}`, id, `{"f":["Incorrect type. Expected pk value, received dict."]}`},
		{`{"f":""}`, id, `{"f":["This field may not be null."]}`},
		{`{"f":"7"}`, id, ``},
		{`{"f":1.5}`, id, `{"f":["Incorrect type. Expected pk value, received float."]}`},
		{`{"f":99999999999999999999}`, id, `{"f":["Invalid pk \"99999999999999999999\" - object does not exist."]}`},
		{`{"f":["99999999999999999999"]}`, ids, `{"f":["Invalid pk \"99999999999999999999\" - object does not exist."]}`},
		{`{"f":[` + strings.Repeat("1,", maxObjects) + `1]}`, ids, `{"f":["Ensure this field has no more than 1000 elements."]}`},
		{`{"f":99999999999999999999}`, ids, `{"f":["Expected a list of items but got type \"int\"."]}`},
		{`{"f":7}`, ids, `{"f":["Expected a list of items but got type \"int\"."]}`},
		{`{"f":"abc"}`, ids, `{"f":["Expected a list of items but got type \"str\"."]}`},
		{`{"f":[1,[]]}`, ids, `{"f":["Incorrect type. Expected pk value, received list."]}`},
		{`{"f":[1,2,1]}`, ids, ``},

		{`{"f":"abc"}`, list(List{}), `{"f":["Expected a list of items but got type \"str\"."]}`},
		{`{"f":[]}`, list(List{NotEmpty: true}), `{"f":["This list may not be empty."]}`},
		{`{"f":[]}`, list(List{Min: 1}), `{"f":["Ensure this field has at least 1 elements."]}`},
		{`{"f":["a","b"]}`, list(List{Max: 1}), `{"f":["Ensure this field has no more than 1 elements."]}`},
		{`{"f":["a","",null]}`, list(List{}), `{"f":{"1":["This field may not be blank."],"2":["This field may not be null."]}}`},
		{`{"f":["BSD"]}`, list(List{Item: kinds}), `{"f":{"0":["\"BSD\" is not a valid choice."]}}`},

		{`{"f":[{"g":1},{}]}`, func(o *Object) {
			for _, one := range o.Objects("f") {
				one.Text("g", Text{})
			}
		}, `{"f":{"1":{"g":["This field is required."]}}}`},
		{`{"f":[7]}`, func(o *Object) { o.Objects("f") }, `{"f":{"0":{"non_field_errors":["Invalid data. Expected a dictionary, but got int."]}}}`},
		{`{"f":[` + strings.Repeat("{},", maxObjects) + `{}]}`, func(o *Object) { o.Objects("f") }, `{"f":["Ensure this field has no more than 1000 elements."]}`},
		{`{"f":[]}`, func(o *Object) { o.Objects("f") }, `{"f":["This list may not be empty."]}`},
		{`{"f":{}}`, func(o *Object) { o.Object("f", false, false).FailTogether("Both are empty.") }, `{"f":{"non_field_errors":["Both are empty."]}}`},
		{`{"f":1.5}`, func(o *Object) { o.Object("f", false, false) }, `{"f":{"non_field_errors":["Invalid data. Expected a dictionary, but got float."]}}`},
		{`{"g":1}`, func(o *Object) { o.Fail("f", "one"); o.Fail("f", "two"); o.FailTogether("all") }, `{"f":["one","two"],"non_field_errors":["all"]}`},
	}
	for _, tt := range tests {
		o, err := decode([]byte(tt.body))
		if err != nil {
			t.Errorf("%s: %v", tt.body, err)
			continue
		}
		tt.read(o)
		if got := bodyOf(t, o.Err()); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.body, got, tt.want)
		}
	}
}

// What is wrong with a body is told in about as many bytes as the body has, or fewer.
func TestALongListSaysOfItsFirstElementsWhatIsWrong(t *testing.T) {
	t.Parallel()
	o, err := decode([]byte(`{"f":["a",` + strings.Repeat(`"",`, 3*maxNoted) + `"b"]}`))
	if err != nil {
		t.Fatal(err)
	}
	o.Texts("f", List{})
	got := bodyOf(t, o.Err())
	if n := strings.Count(got, "blank"); n != maxNoted || !strings.Contains(got, `"1":`) || !strings.Contains(got, `"100":`) {
		t.Errorf("got %d elements: %s", n, got)
	}
}

func TestValuesAreReadAsTheyAreMeant(t *testing.T) {
	t.Parallel()
	o, err := decode([]byte(`{"text":" a b ","number":"12","float":3.0,"yes":"on","id":"7","ids":[2,"1",2],"texts":["x "],"raw":{"b":[1,2.50]},"null":null}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := o.Text("text", Text{}); got != "a b" || !ok {
		t.Errorf("got %q", got)
	}
	if got, ok := o.Int("number", Int{}); got != 12 || !ok {
		t.Errorf("got %d", got)
	}
	if got, ok := o.Int("float", Int{}); got != 3 || !ok {
		t.Errorf("got %d", got)
	}
	if got, ok := o.Bool("yes", false); !got || !ok {
		t.Error("on is not true")
	}
	if got, ok := o.ID("id", false, false); got != 7 || !ok {
		t.Errorf("got %d", got)
	}
	if got := o.IDs("ids", false); len(got) != 2 || got[0] != 2 || got[1] != 1 {
		t.Errorf("got %v", got)
	}
	if got := o.Texts("texts", List{}); len(got) != 1 || got[0] != "x" {
		t.Errorf("got %q", got)
	}
	if got := string(o.Raw("raw")); got != `{"b":[1,2.50]}` {
		t.Errorf("got %s", got)
	}
	if !o.Given("null") || o.Given("none") || o.Raw("null") != nil {
		t.Error("null is not told from nothing")
	}
	if err := o.Err(); err != nil {
		t.Error(err)
	}
}

func TestBodiesThatAreNoObjectAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		media, body string
		status      int
		want        string
	}{
		{"text/plain", "{}", 415, `{"detail":"Unsupported media type \"text/plain\" in request."}`},
		{"", "{}", 415, `{"detail":"Unsupported media type \"\" in request."}`},
		{"application/json", "[]", 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`},
		{"application/json", "null", 400, `{"non_field_errors":["No data provided"]}`},
		{"application/json", `"x"`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got str."]}`},
		{"application/json", `{"a":`, 400, `{"detail":"JSON parse error - unexpected end of JSON input, near byte 5"}`},
		{"application/json", `{"a":x}`, 400, `{"detail":"JSON parse error - invalid character 'x' looking for beginning of value, near byte 6"}`},
		{"application/json", `{} {}`, 400, `{"detail":"JSON parse error - invalid character '{' after top-level value, near byte 4"}`},
		{"application/json", "{\"a\":\"\xff\"}", 400, `{"detail":"JSON parse error - the text is not valid UTF-8"}`},
		{"application/json", strings.Repeat("[", 40) + strings.Repeat("]", 40), 400, `{"detail":"JSON parse error - nested deeper than 32 levels, near byte 33"}`},
		{"application/json", strings.Repeat(" ", maxBody+1), 413, `{"detail":"The body is larger than 10485760 bytes."}`},
		{"application/json; charset=utf-8", "{}\n", 0, ""},
		{"text/plain", "", 0, ""},
	}
	for _, tt := range tests {
		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tt.body))
		req.Header.Set("Content-Type", tt.media)
		_, err := Decode(httptest.NewRecorder(), req)
		if got := bodyOf(t, err); got != tt.want {
			t.Errorf("%s %.40q:\ngot  %s\nwant %s", tt.media, tt.body, got, tt.want)
		}
		if problem, ok := errors.AsType[*api.Problem](err); ok && problem.Status != tt.status {
			t.Errorf("%s %.40q: got %d, want %d", tt.media, tt.body, problem.Status, tt.status)
		}
	}
}

func TestProblemsAreWrittenInTheContractsWords(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  error
		want string
	}{
		{NoMatch("Tag"), `{"detail":"No Tag matches the given query."}`},
		{NotFound(), `{"detail":"Not found."}`},
		{Invalid("one", "two"), `["one","two"]`},
		{FieldError("name", NoObject(9)), `{"name":["Invalid pk \"9\" - object does not exist."]}`},
		{api.Refuse(http.StatusForbidden, "It takes more."), `{"detail":"You do not have permission to perform this action."}`},
		{api.Refuse(http.StatusMethodNotAllowed, "No."), `{"detail":"Method \"PATCH\" not allowed."}`},
		{api.Refuse(http.StatusInternalServerError, "secret"), `{"error":"Server Error (500)"}`},
	}
	for _, tt := range tests {
		if got := bodyOf(t, tt.err); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestMomentsHaveNoZone(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 3600)
	tests := []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 3, 4, 6, 6, 7, 123456789, zone), `"2026-03-04T05:06:07.123456"`},
		{time.Date(2026, 3, 4, 6, 6, 7, 120000000, zone), `"2026-03-04T05:06:07.120000"`},
		{time.Date(2026, 3, 4, 6, 6, 7, 999, zone), `"2026-03-04T05:06:07"`},
	}
	for _, tt := range tests {
		raw, err := json.Marshal(Time(tt.at))
		if err != nil || string(raw) != tt.want {
			t.Errorf("got %s, %v, want %s", raw, err, tt.want)
		}
	}
}

// FuzzBody reads every field in every way: whatever the body, there is a value or something to say about it.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"f":"a"}`, `{"f":[1,"2",null]}`, `{"f":{"g":[{}]}}`, `{"f":[{"g":7},[]]}`, `{"f":1e400}`, `{"f":"\ud800"}`, `[[[[`, `{"f":-0.0}`, `null`, "{\"f\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		o, err := decode(raw)
		if err != nil {
			_ = bodyOf(t, err)
			return
		}
		if text, ok := o.Text("f", Text{Max: 3}); ok && (utf8.RuneCountInString(text) > 3 || text == "" || !utf8.ValidString(text)) {
			t.Errorf("%s: took %q", raw, text)
		}
		if n, ok := o.Int("f", Int{Min: 1, Max: 9}); ok && (n < 1 || n > 9) {
			t.Errorf("%s: took %d", raw, n)
		}
		o.Text("f", Text{Choices: []string{"a"}})
		o.Bool("f", true)
		o.ID("f", true, true)
		o.IDs("f", true)
		for _, text := range o.Texts("f", List{Max: 2}) {
			if text == "" {
				t.Errorf("%s: took a blank text", raw)
			}
		}
		for _, one := range o.Objects("f") {
			one.Text("g", Text{})
		}
		if inside := o.Object("f", true, true); inside != nil {
			inside.Int("g", Int{})
		}
		o.Raw("f")
		if err := o.Err(); err != nil && !json.Valid([]byte(bodyOf(t, err))) {
			t.Errorf("%s: the answer is not JSON", raw)
		}
	})
}
