// SPDX-License-Identifier: Apache-2.0

package osquery

import (
	"testing"

	"github.com/Microsoft/go-winio"
)

func TestOwnPipeIsTrusted(t *testing.T) {
	t.Parallel()
	const pipe = `\\.\pipe\rollcall-test-osquery.em`
	listener, err := winio.ListenPipe(pipe, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			_ = conn.Close() // there is nothing to lose
		}
	}()
	conn, err := dial(t.Context(), pipe)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close() // there is nothing to lose
}
