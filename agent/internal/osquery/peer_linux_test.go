// SPDX-License-Identifier: Apache-2.0

package osquery

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOnlyRootAndOneselfAreTrusted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		uid  uint32
		self int
		want bool
	}{{0, 0, true}, {0, 1000, true}, {1000, 1000, true}, {1000, 0, false}, {1001, 1000, false}}
	for _, tt := range tests {
		if got := trusted(tt.uid, tt.self); got != tt.want {
			t.Errorf("%d to %d: got %v, want %v", tt.uid, tt.self, got, tt.want)
		}
	}
}

func TestSomebodyElsesSocketIsRefused(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can listen as somebody else")
	}
	dir, err := os.MkdirTemp("/tmp", "osq-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // it lies in the temporary folder
	const nobody = 65534
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "osquery.em")
	listeners, errs := make(chan net.Listener, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and nobody else becomes nobody
		_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), nobody, ^uintptr(0))
		listener, err := net.Listen("unix", socket)
		if errno != 0 {
			err = errno
		}
		listeners <- listener
		errs <- err
	}()
	listener := <-listeners
	if err := <-errs; err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	r := &Reader{Socket: socket}
	if _, err := r.Collect(t.Context(), nil); !errors.Is(err, errForeign) {
		t.Errorf("got %v, want %v", err, errForeign)
	}
}
