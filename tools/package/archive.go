// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"io"
	"os"
	"path"
	"time"
)

// entry is a file on its way into an archive.
type entry struct {
	name   string // in the archive
	source string // on disk
	mode   int64
}

// tarball writes a tar.gz whose files lie in a folder and belong to root.
func tarball(out, folder string, at time.Time, entries []entry) error {
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	defer file.Close()
	zipper, err := gzip.NewWriterLevel(file, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(zipper)
	head := tar.Header{Typeflag: tar.TypeDir, Name: folder + "/", Mode: 0o755, ModTime: at, Format: tar.FormatUSTAR}
	if err := w.WriteHeader(&head); err != nil {
		return err
	}
	for _, e := range entries {
		raw, err := os.ReadFile(e.source)
		if err != nil {
			return err
		}
		head := tar.Header{
			Typeflag: tar.TypeReg, Name: path.Join(folder, e.name), Mode: e.mode, Size: int64(len(raw)),
			ModTime: at, Format: tar.FormatUSTAR,
		}
		if err := w.WriteHeader(&head); err != nil {
			return err
		}
		if _, err := w.Write(raw); err != nil {
			return err
		}
	}
	return closeAll(w, zipper, file)
}

// zipball writes a zip whose files lie in a folder.
func zipball(out, folder string, at time.Time, entries []entry) error {
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	defer file.Close()
	w := zip.NewWriter(file)
	for _, e := range entries {
		raw, err := os.ReadFile(e.source)
		if err != nil {
			return err
		}
		f, err := w.CreateHeader(&zip.FileHeader{Name: path.Join(folder, e.name), Method: zip.Deflate, Modified: at})
		if err != nil {
			return err
		}
		if _, err := f.Write(raw); err != nil {
			return err
		}
	}
	return closeAll(w, file)
}

// closeAll closes one after the other, the innermost first.
func closeAll(closers ...io.Closer) error {
	for _, c := range closers {
		if err := c.Close(); err != nil {
			return err
		}
	}
	return nil
}
