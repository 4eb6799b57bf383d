// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"archive/zip"
	"bytes"
	"crypto/sha1" //nolint:gosec // the digest that lists of published archives are kept by
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// log is what a collection asked the file system for, each thing once.
type log struct {
	fs.FS
	mu                    sync.Mutex
	read                  map[string]int64 // bytes, by file
	listed, asked, linked map[string]bool
}

// logged is this machine with a log of its file tree.
type logged struct {
	host.Host
	tree *log
}

func (l logged) FS() fs.FS { return l.tree }

func newLogged() logged {
	machine := host.Local()
	return logged{machine, &log{FS: machine.FS(), read: map[string]int64{}, listed: map[string]bool{}, asked: map[string]bool{}, linked: map[string]bool{}}}
}

func (l *log) note(into map[string]bool, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	into[name] = true
}

func (l *log) Open(name string) (fs.File, error) {
	f, err := l.FS.Open(name)
	if err != nil {
		l.note(l.asked, name)
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		l.note(l.listed, name)
		return f, nil
	}
	return &loggedFile{File: f, name: name, log: l}, nil
}

func (l *log) ReadDir(name string) ([]fs.DirEntry, error) {
	l.note(l.listed, name)
	return fs.ReadDir(l.FS, name)
}

func (l *log) Stat(name string) (fs.FileInfo, error) {
	l.note(l.asked, name)
	return fs.Stat(l.FS, name)
}

func (l *log) Lstat(name string) (fs.FileInfo, error) {
	l.note(l.asked, name)
	return fs.Lstat(l.FS, name)
}

func (l *log) ReadLink(name string) (string, error) {
	l.note(l.linked, name)
	return fs.ReadLink(l.FS, name)
}

// loggedFile counts what is read of a file once: the largest sum of one opening.
type loggedFile struct {
	fs.File
	name string
	log  *log
	n    int64
}

func (f *loggedFile) count(n int) {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	f.n += int64(max(n, 0))
	f.log.read[f.name] = max(f.log.read[f.name], f.n)
}

func (f *loggedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.count(n)
	return n, err
}

func (f *loggedFile) ReadAt(p []byte, off int64) (int, error) {
	at, ok := f.File.(io.ReaderAt)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	n, err := at.ReadAt(p, off)
	f.count(n)
	return n, err
}

func (f *loggedFile) Seek(offset int64, whence int) (int64, error) {
	s, ok := f.File.(io.Seeker)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	return s.Seek(offset, whence)
}

// floor does once what a collection did, as plainly as Go can and into nothing that anybody could use: it reads as much
// of the same files and splits them into fields, lists the same folders, asks for the same names, and lists the
// interfaces. What is gone meanwhile is left out.
type floor struct {
	read                  map[string]int64
	listed, asked, linked []string
}

func (l *log) floor() floor {
	for name := range l.read {
		delete(l.asked, name)
	}
	return floor{l.read, slices.Collect(maps.Keys(l.listed)), slices.Collect(maps.Keys(l.asked)), slices.Collect(maps.Keys(l.linked))}
}

// bytes is how much the floor reads.
func (f floor) bytes() (n int64) {
	for _, size := range f.read {
		n += size
	}
	return n
}

func (f floor) run() error {
	var kept []any
	for _, name := range f.listed {
		entries, _ := os.ReadDir("/" + name)
		kept = append(kept, entries)
	}
	for _, name := range f.asked {
		info, _ := os.Stat("/" + name)
		kept = append(kept, info)
	}
	for _, name := range f.linked {
		target, _ := os.Readlink("/" + name)
		kept = append(kept, target)
	}
	for name, size := range f.read {
		kept = append(kept, parsed(name, beginning("/"+name, size)))
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil {
			return err
		}
		kept = append(kept, addresses)
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs("/", &disk); err != nil {
		return err
	}
	runtime.KeepAlive(kept)
	return nil
}

// beginning reads the first bytes of a file; nil when there is none.
func beginning(file string, size int64) []byte {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	raw := make([]byte, size)
	n, _ := io.ReadFull(f, raw)
	return raw[:n]
}

// archived makes the digests of an archive, reads what it holds and what is said there of its origin. Archives in
// archives are left out.
func archived(raw []byte) []any {
	texts := []any{sha1.Sum(raw), sha256.Sum256(raw)}
	archive, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil
	}
	for _, f := range archive.File {
		if path.Base(f.Name) != "pom.properties" && f.Name != "META-INF/MANIFEST.MF" {
			continue
		}
		if r, err := f.Open(); err == nil {
			text, _ := io.ReadAll(r)
			texts = append(texts, text)
		}
	}
	return texts
}

// parsed takes a file apart by what it is.
func parsed(name string, raw []byte) any {
	switch {
	case strings.HasSuffix(name, ".jar"):
		return archived(raw)
	case bytes.IndexByte(raw[:min(len(raw), 512)], 0) >= 0:
		return raw // a program or a database
	case strings.HasSuffix(name, ".json"):
		var value any
		_ = json.Unmarshal(raw, &value)
		return value
	case bytes.Contains(raw[:min(len(raw), 4096)], []byte("-----BEGIN CERTIFICATE-----")):
		return certificates(raw)
	}
	var rows [][]string
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(name, "proc/") {
			rows = append(rows, strings.Fields(line))
		} else if i := strings.IndexAny(line, ":="); i > 0 && line[0] != ' ' {
			rows = append(rows, []string{line[:i], strings.TrimSpace(line[i+1:])})
		}
	}
	return rows
}

func certificates(raw []byte) (all []*x509.Certificate) {
	for {
		var block *pem.Block
		if block, raw = pem.Decode(raw); block == nil {
			return all
		}
		c, _ := x509.ParseCertificate(block.Bytes)
		all = append(all, c)
	}
}
