// SPDX-License-Identifier: Apache-2.0

package apitest_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
)

// masks are what is another one in every database, or at every moment.
var masks = []*regexp.Regexp{
	regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?`),
	regexp.MustCompile(`\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d`),
	regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`),
	regexp.MustCompile(`role [0-9A-Za-z_-]{12}`),
	regexp.MustCompile(`"secret":"[^"]+"`),
	regexp.MustCompile(`"version":\d{10}`),       // of a configuration: seconds
	regexp.MustCompile(`"Content-Length":"\d+"`), // of archives with times in them
	regexp.MustCompile(`"elapsed_seconds":[0-9.e-]+`),
	regexp.MustCompile(`ztl[us]_[0-9A-Za-z]+`),
	regexp.MustCompile(`(?m)^id: [0-9A-Za-z_-]+$`), // of a stream of events: a cursor
}

var cursorText = regexp.MustCompile(`"next_cursor":"([^"]+)"`)

// mask takes out what differs anyway.
func mask(text string) string {
	text = cursorText.ReplaceAllStringFunc(text, func(found string) string {
		raw, err := base64.RawURLEncoding.DecodeString(cursorText.FindStringSubmatch(found)[1])
		var c map[string]any
		if err != nil || json.Unmarshal(raw, &c) != nil {
			return found
		}
		delete(c, "e") // the epoch of the database
		if c["l"] == "events" {
			delete(c, "a") // how far everybody's journal is
		}
		return fmt.Sprint(c)
	})
	for _, m := range masks {
		text = m.ReplaceAllString(text, "…")
	}
	return text
}

// passing are headers that say nothing which the body does not say, of which the ETag is made.
var passing = []string{"Etag", "Content-Length", "Last-Modified", "Date"}

// spell is an answer as a text, archives unpacked.
func spell(a apitest.Answer) string {
	var all strings.Builder
	fmt.Fprintln(&all, a.Status)
	for _, name := range slices.Sorted(maps.Keys(a.Header)) {
		if !slices.Contains(passing, name) {
			fmt.Fprintln(&all, name, mask(strings.Join(a.Header[name], ", ")))
		}
	}
	archive, err := zip.NewReader(bytes.NewReader(a.Body), int64(len(a.Body)))
	if err != nil {
		return all.String() + mask(string(a.Body)) + "\n"
	}
	for _, file := range archive.File {
		fmt.Fprintln(&all, mask(file.Name), mask(unpacked(file)))
	}
	return all.String()
}

func unpacked(file *zip.File) string {
	reader, err := file.Open()
	if err != nil {
		return err.Error()
	}
	defer reader.Close()
	content, err := io.ReadAll(reader)
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// taskOf is the task that an answer says was begun.
func taskOf(a apitest.Answer) string {
	var begun struct {
		ID     string `json:"id"`
		TaskID string `json:"task_id"`
	}
	if a.Status != http.StatusCreated && a.Status != http.StatusAccepted || json.Unmarshal(a.Body, &begun) != nil {
		return ""
	}
	if a.Status == http.StatusAccepted {
		return begun.ID
	}
	return begun.TaskID
}

// cursorOf is where a list goes on.
func cursorOf(a apitest.Answer) string {
	found := cursorText.FindSubmatch(a.Body)
	if found == nil {
		return ""
	}
	return string(found[1])
}
