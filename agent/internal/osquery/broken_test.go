// SPDX-License-Identifier: Apache-2.0

package osquery_test

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/agent/internal/osquery"
)

// between puts a listener before a socket that hands what osquery answers to spoil, connection by connection.
func between(t *testing.T, socket string, spoil func(connection int, answer []byte) []byte) string {
	t.Helper()
	path := filepath.Join(socketDir(t), "osquery.em")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // there is nothing to lose
	go func() {
		for i := 0; ; i++ {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go relay(client, socket, func(answer []byte) []byte { return spoil(i, answer) })
		}
	}()
	return path
}

// relay carries one question and one answer, and hangs up.
func relay(client net.Conn, socket string, spoil func([]byte) []byte) {
	defer client.Close()
	server, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer server.Close()
	question := make([]byte, 64<<10)
	n, err := client.Read(question)
	if err != nil {
		return
	}
	if _, err := server.Write(question[:n]); err != nil {
		return
	}
	answer := make([]byte, 64<<10)
	n, err = server.Read(answer)
	if err != nil && !errors.Is(err, io.EOF) {
		return
	}
	_, _ = client.Write(spoil(answer[:n])) // whoever hangs up first has the word
}

func TestAnswersThatBreakHarmOneTable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(answer []byte) []byte
		want  string
	}{
		{"half an answer", func(answer []byte) []byte { return answer[:len(answer)/2] }, "EOF"},
		{"no answer", func([]byte) []byte { return nil }, "EOF"},
		{"an answer to another question", func(answer []byte) []byte {
			const sequence = 4 + 4 + len("query") + 3 // the last byte of the message's number
			answer[sequence] ^= 0x40
			return answer
		}, "sequence"},
		{"no Thrift", func([]byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const victim = 1 // after the list of tables: system_info
			socket := between(t, serve(t, machine()), func(connection int, answer []byte) []byte {
				if connection == victim {
					return tt.spoil(answer)
				}
				return answer
			})
			c := collectFrom(t, &osquery.Reader{Socket: socket})
			if got, want := statesOf(c, "system_info", "os_version", "deb_packages"), "system_info keep, os_version set, deb_packages set"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if len(c.Troubles) != 1 || !strings.Contains(c.Troubles[0].Err.Error(), tt.want) {
				t.Errorf("got troubles %v, want one with %q", c.Troubles, tt.want)
			}
		})
	}
}
