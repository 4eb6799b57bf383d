// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/package-url/packageurl-go"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/jar"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// maxJavaComponents bounds the section; the archives that come last by path are left out then.
const maxJavaComponents = 100_000

// archive reads one archive, or remembers it. Nothing in it means that the file is none, that it is gone, or that it
// cannot be read, which is noted. The error is that there is no time left.
func (r *javaRound) archive(name, shown string) (jar.Archive, error) {
	if err := r.ctx.Err(); err != nil {
		return jar.Archive{}, err
	}
	base := strings.TrimSuffix(path.Base(strings.ReplaceAll(shown, `\`, "/")), javaDeleted)
	a, err := remember(r.files, r.h, name, func() (jar.Archive, error) { return r.readArchive(name, base) })
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return a, nil
	case errors.Is(err, fs.ErrPermission):
		r.deny(name)
		return jar.Archive{}, nil
	}
	err = fmt.Errorf("read %s: %w", shown, err)
	if r.ctx.Err() != nil {
		return jar.Archive{}, err
	}
	if !r.closed[name] {
		r.closed[name] = true
		r.troubles = append(r.troubles, err)
	}
	return jar.Archive{}, nil
}

// readArchive reads an archive in place where the file allows that, else as a whole.
func (r *javaRound) readArchive(name, base string) (jar.Archive, error) {
	f, info, err := openRegular(r.h, name)
	if errors.Is(err, fs.ErrInvalid) {
		return jar.Archive{}, nil
	}
	if err != nil {
		return jar.Archive{}, err
	}
	defer f.Close()
	at, ok := f.(io.ReaderAt)
	if !ok {
		raw, err := host.ReadFile(r.h.FS(), name, largeFile)
		if errors.Is(err, host.ErrTooLarge) {
			return jar.Archive{}, nil
		}
		if err != nil {
			return jar.Archive{}, err
		}
		at = bytes.NewReader(raw)
	}
	a, err := jar.Read(untilDone{r.ctx, at}, info.Size(), base)
	if errors.Is(err, jar.ErrNotArchive) {
		return jar.Archive{}, r.ctx.Err()
	}
	if r.ctx.Err() != nil {
		return jar.Archive{}, r.ctx.Err() // what could not be read any more is not damaged
	}
	return a, err
}

// untilDone is a reader that fails when its time is over.
type untilDone struct {
	ctx context.Context //nolint:containedctx // of one archive
	r   io.ReaderAt
}

// ReadAt implements io.ReaderAt.
func (u untilDone) ReadAt(p []byte, at int64) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.ReadAt(p, at)
}

// components lists what all archives hold, in order of their paths.
func (r *javaRound) components() ([]*inventoryv1.JavaComponent, error) {
	var rows []*inventoryv1.JavaComponent
	var texts arena
	for _, shown := range slices.Sorted(maps.Keys(r.uses)) {
		a, err := r.archive(r.uses[shown].name, shown)
		if err != nil {
			return nil, err
		}
		if len(rows)+len(a.Components) > maxJavaComponents {
			break
		}
		for i := range a.Components {
			rows = append(rows, javaComponent(&texts, shown, &a.Components[i]))
		}
	}
	return rows, nil
}

// javaComponent makes the fact of one component.
func javaComponent(texts *arena, shown string, c *jar.Component) *inventoryv1.JavaComponent {
	return &inventoryv1.JavaComponent{
		Name: texts.fact(c.Name), GroupId: texts.fact(c.Group), Version: texts.fact(c.Version), Path: texts.fact(shown),
		NestedPath: texts.fact(c.Nested), Sha_1: texts.fact(c.SHA1), Sha_256: texts.fact(c.SHA256),
		Evidence: texts.fact(c.Evidence), Type: texts.fact(c.Type), License: texts.fact(c.License),
		Vendor: texts.fact(c.Vendor), Purl: javaPurl(c),
	}
}

// javaPurl spells a package URL for what has coordinates: with a group that is only likely it would name something else.
//
// Source: the package-url specification, type maven: an archive other than a jar says so.
func javaPurl(c *jar.Component) *string {
	if !c.Coordinates {
		return nil
	}
	version, kind := c.Version, c.Type
	if version == jar.Unknown {
		version = ""
	}
	if kind == "jar" {
		kind = ""
	}
	return purlOf(packageurl.TypeMaven, c.Group, c.Name, version, "type", kind)
}
