// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	layers "github.com/google/go-containerregistry/pkg/v1/tarball"
)

// imageUser is whom the programs of an image run as: a number, so that nobody has to look up a name.
const imageUser = 65532

// image writes an OCI image as one file (image layout in a tar, what "docker load" and "podman load" take): the programs
// on nothing. PostgreSQL is elsewhere.
func (r release) image(arch string, programs ...string) error {
	img, err := r.imageOf(arch, programs)
	if err != nil {
		return err
	}
	folder := filepath.Join(r.stage, "image-"+arch)
	path, err := layout.Write(folder, empty.Index)
	if err != nil {
		return err
	}
	tag := strings.NewReplacer("~", "-", "+", "-").Replace(r.version.debian())
	if err := path.AppendImage(img, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": tag,
		"io.containerd.image.name":          "rollcall-aggregator:" + tag,
	})); err != nil {
		return err
	}
	name := fmt.Sprintf("rollcall-aggregator-%s-linux-%s.oci.tar", r.version.name, arch)
	if err := r.plainTar(name, folder); err != nil {
		return err
	}
	return r.sbom(name, programs...)
}

func (r release) imageOf(arch string, programs []string) (v1.Image, error) {
	content, err := r.imageFiles(programs)
	if err != nil {
		return nil, err
	}
	layer, err := layers.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(img, &v1.ConfigFile{
		Architecture: arch, OS: "linux", Created: v1.Time{Time: r.at}, Author: "The Rollcall authors",
		RootFS:  v1.RootFS{Type: "layers", DiffIDs: diffIDs(layer)},
		History: []v1.History{{Created: v1.Time{Time: r.at}, CreatedBy: "make package"}},
		Config: v1.Config{
			User: fmt.Sprint(imageUser), WorkingDir: "/var/lib/rollcall",
			Entrypoint:   []string{"/usr/bin/rollcall-aggregator"},
			Cmd:          []string{"serve"},
			Env:          []string{"PATH=/usr/bin", "ROLLCALL_AGGREGATOR_LISTEN=0.0.0.0:8480", "ROLLCALL_AGGREGATOR_GRPC_LISTEN=0.0.0.0:8481"},
			ExposedPorts: map[string]struct{}{"8480/tcp": {}, "8481/tcp": {}},
			Volumes:      map[string]struct{}{"/var/lib/rollcall": {}},
			Labels: map[string]string{
				"org.opencontainers.image.title": "rollcall-aggregator", "org.opencontainers.image.version": r.version.name,
				"org.opencontainers.image.licenses": "Apache-2.0", "org.opencontainers.image.source": homepage,
			},
		},
	})
}

func diffIDs(layer v1.Layer) []v1.Hash {
	id, err := layer.DiffID()
	if err != nil {
		return nil // mutate says so
	}
	return []v1.Hash{id}
}

// imageFiles is the tar of what an image holds.
func (r release) imageFiles(programs []string) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(head tar.Header, content []byte) error {
		head.ModTime, head.Format, head.Size = r.at, tar.FormatUSTAR, int64(len(content))
		if err := w.WriteHeader(&head); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	}
	for _, folder := range []string{"etc/", "tmp/", "usr/", "usr/bin/", "usr/share/", "usr/share/licenses/", "usr/share/licenses/rollcall/", "var/", "var/lib/"} {
		mode := int64(0o755)
		if folder == "tmp/" {
			mode = 0o1777
		}
		if err := add(tar.Header{Typeflag: tar.TypeDir, Name: folder, Mode: mode}, nil); err != nil {
			return nil, err
		}
	}
	own := tar.Header{Typeflag: tar.TypeDir, Name: "var/lib/rollcall/", Mode: 0o700, Uid: imageUser, Gid: imageUser}
	if err := add(own, nil); err != nil {
		return nil, err
	}
	files := map[string][]byte{
		"etc/passwd": fmt.Appendf(nil, "root:x:0:0:root:/root:/sbin/nologin\nrollcall:x:%[1]d:%[1]d:Rollcall:/var/lib/rollcall:/sbin/nologin\n", imageUser),
		"etc/group":  fmt.Appendf(nil, "root:x:0:\nrollcall:x:%d:\n", imageUser),
	}
	sources := map[string]string{"usr/share/licenses/rollcall/LICENSE": r.file("LICENSE")}
	for _, program := range programs {
		sources["usr/bin/"+filepath.Base(program)] = program
	}
	for name, source := range sources {
		raw, err := os.ReadFile(source)
		if err != nil {
			return nil, err
		}
		files[name] = raw
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		mode := int64(0o644)
		if strings.HasPrefix(name, "usr/bin/") {
			mode = 0o755
		}
		if err := add(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}, files[name]); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// plainTar writes the files of a folder into a tar, sorted by name and without what only this machine knows of them.
func (r release) plainTar(name, folder string) error {
	out, err := os.Create(r.artefact(name))
	if err != nil {
		return err
	}
	defer out.Close()
	w := tar.NewWriter(out)
	err = filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error { // in order
		if err != nil || path == folder {
			return err
		}
		inside, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		head := tar.Header{Typeflag: tar.TypeDir, Name: filepath.ToSlash(inside) + "/", Mode: 0o755, ModTime: r.at, Format: tar.FormatUSTAR}
		if d.IsDir() {
			return w.WriteHeader(&head)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		head.Typeflag, head.Name, head.Mode, head.Size = tar.TypeReg, filepath.ToSlash(inside), 0o644, int64(len(raw))
		if err := w.WriteHeader(&head); err != nil {
			return err
		}
		_, err = w.Write(raw)
		return err
	})
	if err != nil {
		return err
	}
	return closeAll(w, out)
}
