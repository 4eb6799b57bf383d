// SPDX-License-Identifier: Apache-2.0

// Command summary prints what `make run` ends with: the machine as the aggregator sees it, what the first two
// check-ins cost, and where to look next. It reads ROLLCALL_URL and ROLLCALL_TOKEN from the environment and needs
// nothing but the standard library.
package main

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sort"
	"strings"
	"time"
)

// run is what `rollcall-agent run --once` prints.
type run struct {
	SerialNumber  string `json:"serial_number"`
	Outcome       string `json:"outcome"`
	Transport     string `json:"transport"`
	BytesSent     int64  `json:"bytes_sent"`
	BytesReceived int64  `json:"bytes_received"`
}

// machine is the part of a list item that the summary shows.
type machine struct {
	SerialNumber string          `json:"serial_number"`
	ComputerName string          `json:"computer_name"`
	Platform     string          `json:"platform"`
	Type         string          `json:"type"`
	OSVersion    json.RawMessage `json:"os_version"`
}

func main() {
	first := flag.String("first", "", "output of the first run --once")
	second := flag.String("second", "", "output of the second run --once")
	enrolled := flag.Bool("new", false, "the machine was enrolled just now")
	flag.Parse()
	if err := summarise(os.Stdout, *first, *second, *enrolled); err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(1)
	}
}

func summarise(w io.Writer, firstPath, secondPath string, enrolled bool) error {
	first, err := readRun(firstPath)
	if err != nil {
		return err
	}
	second, err := readRun(secondPath)
	if err != nil {
		return err
	}
	path := "/api/v1/machines/" + url.PathEscape(urlsafe(first.SerialNumber))
	var m machine
	if err := get(path, &m); err != nil {
		return err
	}
	var tree map[string]json.RawMessage
	if err := get(path+"/snapshot", &tree); err != nil {
		return err
	}

	base, label := os.Getenv("ROLLCALL_URL"), "first snapshot"
	if !enrolled {
		label = "first check-in"
	}
	rows := [][2]string{
		{"machine", strings.Join(words(m.SerialNumber, m.ComputerName, m.Platform, m.Type), " · ")},
		{"system", display(m.OSVersion)},
		{"packages", packages(tree)},
		{label, fmt.Sprintf("%d bytes sent, %d received (%s, %s)", first.BytesSent, first.BytesReceived, first.Outcome, first.Transport)},
		{"second check-in", fmt.Sprintf("%d bytes sent, %d received (%s, %s)", second.BytesSent, second.BytesReceived, second.Outcome, second.Transport)},
		{"address", base},
		{"token", "var/rollcall.env"},
	}
	fmt.Fprintln(w)
	for _, row := range rows {
		fmt.Fprintf(w, "  %-16s %s\n", row[0], row[1])
	}
	fmt.Fprintf(w, `
Try:
  . var/rollcall.env; curl -H "Authorization: Bearer $ROLLCALL_TOKEN" "$ROLLCALL_URL%s/snapshot"
  . var/rollcall.env; curl -H "Authorization: Bearer $ROLLCALL_TOKEN" "$ROLLCALL_URL/api/v1/software?kind=deb_packages&q=ssl"
  set -a; . var/rollcall.env; bin/rollcall machines list

`, path)
	return nil
}

// packages counts the rows of every kind that lists installed software.
func packages(tree map[string]json.RawMessage) string {
	var found []string
	for kind, raw := range tree {
		if !strings.HasSuffix(kind, "_packages") && !strings.HasSuffix(kind, "_apps") {
			continue
		}
		var rows []json.RawMessage
		if json.Unmarshal(raw, &rows) == nil && len(rows) > 0 {
			found = append(found, fmt.Sprintf("%d %s", len(rows), kind))
		}
	}
	if len(found) == 0 {
		return "none found"
	}
	sort.Strings(found)
	return strings.Join(found, ", ")
}

// display writes an OS version: a string as it is, a section of the tree as name, numbers and build.
func display(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var version struct {
		Name, Version, Build string
		Major, Minor, Patch  *int64
	}
	if json.Unmarshal(raw, &version) != nil || version.Name == "" {
		return "unknown"
	}
	var numbers []string
	for _, n := range []*int64{version.Major, version.Minor, version.Patch} {
		if n != nil {
			numbers = append(numbers, fmt.Sprint(*n))
		}
	}
	return strings.Join(words(version.Name, strings.Join(numbers, "."), version.Version, version.Build), " ")
}

// words drops empty strings.
func words(all ...string) []string {
	var kept []string
	for _, word := range all {
		if word != "" {
			kept = append(kept, word)
		}
	}
	return kept
}

// urlsafe is the spelling of a serial number in a path: itself, or a dot and base64url where it would need quoting.
func urlsafe(serial string) string {
	if !strings.HasPrefix(serial, ".") && url.QueryEscape(serial) == serial {
		return serial
	}
	return "." + base64.RawURLEncoding.EncodeToString([]byte(serial))
}

// readRun reads the last line of a file that `run --once` wrote.
func readRun(path string) (run, error) {
	var r run
	raw, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// get reads one JSON document of the API.
func get(path string, into any) error {
	req, err := http.NewRequest(http.MethodGet, os.Getenv("ROLLCALL_URL")+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+os.Getenv("ROLLCALL_TOKEN"))
	client := http.Client{Timeout: 30 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("%s: the token in var/rollcall.env is not known; remove the file and run make run again", path)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
