// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"sync"
	"time"
)

// agentPackage is a file that installs the agent.
type agentPackage struct {
	Name   string
	Format string // deb, rpm, apk, arch, darwin, windows
	Arch   string // amd64 or arm64
	SHA256 string // 64 hex digits

	size    int64
	changed time.Time
}

// formats are the names that `make package` gives to the agent's packages, by format; the group is the architecture.
var formats = []struct {
	format string
	name   *regexp.Regexp
}{
	{"deb", regexp.MustCompile(`^rollcall-agent_[0-9A-Za-z.+~_-]+_(amd64|arm64)\.deb$`)},
	{"rpm", regexp.MustCompile(`^rollcall-agent-[0-9A-Za-z.+~_-]+\.(x86_64|aarch64)\.rpm$`)},
	{"apk", regexp.MustCompile(`^rollcall-agent_[0-9A-Za-z.+~_-]+_(x86_64|aarch64)\.apk$`)},
	{"arch", regexp.MustCompile(`^rollcall-agent-[0-9A-Za-z.+~_-]+-(x86_64|aarch64)\.pkg\.tar\.zst$`)},
	{"darwin", regexp.MustCompile(`^rollcall-agent-[0-9A-Za-z.+~_-]+-darwin-(amd64|arm64)\.tar\.gz$`)},
	{"windows", regexp.MustCompile(`^rollcall-agent-[0-9A-Za-z.+~_-]+-windows-(amd64)\.msi$`)},
}

// architectures are ours by what packages call them.
var architectures = map[string]string{"amd64": "amd64", "x86_64": "amd64", "arm64": "arm64", "aarch64": "arm64"}

// maxPackages bounds how many files of the folder are looked at.
const maxPackages = 1000

// catalogue knows the packages of a folder. Only files that are named like packages exist for it. It is safe for
// concurrent use.
type catalogue struct {
	dir string // empty: there is no folder

	mu   sync.Mutex
	sums map[string]agentPackage // by name, as the files were when they were summed
}

func newCatalogue(dir string) *catalogue {
	return &catalogue{dir: dir, sums: map[string]agentPackage{}}
}

// newest returns the package of each format and architecture: the file that was changed last, of several the one whose
// name sorts last.
func (c *catalogue) newest() ([]agentPackage, error) {
	all, err := c.all()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b agentPackage) int {
		return cmp.Or(cmp.Compare(a.Format, b.Format), cmp.Compare(a.Arch, b.Arch), b.changed.Compare(a.changed), cmp.Compare(b.Name, a.Name))
	})
	all = slices.CompactFunc(all, func(a, b agentPackage) bool { return a.Format == b.Format && a.Arch == b.Arch })
	for i := range all {
		if all[i].SHA256, err = c.sum(all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// all lists the packages without their sums.
func (c *catalogue) all() ([]agentPackage, error) {
	if c.dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, fmt.Errorf("agent packages: %w", err)
	}
	var found []agentPackage
	for _, entry := range entries[:min(len(entries), maxPackages)] {
		p, ok := packageNamed(entry.Name())
		if !ok {
			continue
		}
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue // gone meanwhile, or no file
		}
		p.size, p.changed = info.Size(), info.ModTime()
		found = append(found, p)
	}
	return found, nil
}

// packageNamed reads a file's name; false when it is not that of a package.
func packageNamed(name string) (agentPackage, bool) {
	for _, f := range formats {
		if match := f.name.FindStringSubmatch(name); match != nil {
			return agentPackage{Name: name, Format: f.format, Arch: architectures[match[1]]}, true
		}
	}
	return agentPackage{}, false
}

// open opens a package by its name; os.ErrNotExist when there is none of that name. It leaves the folder by no way.
func (c *catalogue) open(name string) (*os.File, error) {
	if _, ok := packageNamed(name); !ok || c.dir == "" {
		return nil, os.ErrNotExist
	}
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return nil, fmt.Errorf("agent packages: %w", err)
	}
	defer root.Close()
	return root.Open(name)
}

// sum returns the SHA-256 of a file, computed once as long as the file stays as it is.
func (c *catalogue) sum(p agentPackage) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.sums[p.Name]
	if known.SHA256 != "" && known.size == p.size && known.changed.Equal(p.changed) {
		return known.SHA256, nil
	}
	file, err := c.open(p.Name)
	if err != nil {
		return "", fmt.Errorf("agent package %s: %w", p.Name, err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("agent package %s: %w", p.Name, err)
	}
	p.SHA256 = hex.EncodeToString(hash.Sum(nil))
	if len(c.sums) >= maxPackages {
		clear(c.sums)
	}
	c.sums[p.Name] = p
	return p.SHA256, nil
}
