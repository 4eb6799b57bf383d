// SPDX-License-Identifier: Apache-2.0

package asset

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// vectors is testdata/vectors.json. It was computed by programs in two other languages; it never changes, because
// stored digests never change.
type vectors struct {
	Facts []struct {
		Name    string          `json:"name"`
		Kind    string          `json:"kind"`
		Message json.RawMessage `json:"message"` // protobuf's JSON; a string for a kind of one text
		Body    string          `json:"body"`
		Digest  string          `json:"digest"`
	} `json:"facts"`
	FreeJSON []struct {
		Name  string  `json:"name"`
		Input string  `json:"input"`
		Body  *string `json:"body"`  // nil: refused
		Error string  `json:"error"` // part of the text
	} `json:"free_json"`
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Facts) < 20 || len(v.FreeJSON) < 20 {
		t.Fatalf("got %d facts and %d free values, want at least 20 of each", len(v.Facts), len(v.FreeJSON))
	}
	return v
}

// newMessage returns an empty message of a kind, nil for a kind that is one text.
func newMessage(t *testing.T, kind string) proto.Message {
	t.Helper()
	f := (&inventoryv1.Snapshot{}).ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(kind))
	if f == nil {
		t.Fatalf("the model has no kind %s", kind)
	}
	if f.Message() == nil {
		return nil
	}
	mt, err := protoregistry.GlobalTypes.FindMessageByName(f.Message().FullName())
	if err != nil {
		t.Fatal(err)
	}
	return mt.New().Interface()
}

func TestFactsHaveTheirPinnedBodiesAndDigests(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t).Facts {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			body := canonicalOf(t, v.Kind, v.Message)
			if string(body) != v.Body {
				t.Errorf("body\ngot  %s\nwant %s", body, v.Body)
			}
			if got := Of(v.Kind, []byte(v.Body)).String(); got != v.Digest {
				t.Errorf("digest %s, want %s", got, v.Digest)
			}
			if err := Validate([]byte(v.Body)); err != nil {
				t.Errorf("Validate: %v", err)
			}
		})
	}
}

// canonicalOf encodes a vector's message.
func canonicalOf(t *testing.T, kind string, message json.RawMessage) []byte {
	t.Helper()
	m := newMessage(t, kind)
	var text string
	var err error
	if m == nil {
		err = json.Unmarshal(message, &text)
	} else {
		err = protojson.Unmarshal(message, m)
	}
	if err != nil {
		t.Fatal(err)
	}
	var body []byte
	if m == nil {
		body, err = CanonicalScalar(text)
	} else {
		body, err = Canonical(m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestFreeJSONHasItsPinnedForm(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t).FreeJSON {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			body, err := CanonicalJSON([]byte(v.Input))
			if v.Body == nil {
				if err == nil || !strings.Contains(err.Error(), v.Error) {
					t.Errorf("got %s, %v; want an error with %q", body, err, v.Error)
				}
				if Validate([]byte(v.Input)) == nil {
					t.Error("Validate accepts what CanonicalJSON refuses")
				}
				return
			}
			if err != nil || string(body) != *v.Body {
				t.Errorf("got  %s, %v\nwant %s", body, err, *v.Body)
			}
			if err := Validate([]byte(*v.Body)); err != nil {
				t.Errorf("Validate of the canonical form: %v", err)
			}
			if canonical := v.Input == *v.Body; (Validate([]byte(v.Input)) == nil) != canonical {
				t.Errorf("Validate of the input: got %v, want canonical %v", Validate([]byte(v.Input)), canonical)
			}
		})
	}
}
