// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path/filepath"
)

// downloads is how often a download that breaks off is taken up again.
const downloads = 5

// Download writes a file of the server to w and returns the name that the server gives it, "" for none. progress, which
// may be nil, is told how many of how many bytes there are; the total is -1 when the server does not say. A download that
// breaks off goes on where it was, as long as the file is the same.
func (c *Client) Download(ctx context.Context, path string, w io.Writer, progress func(done, total int64)) (name string, err error) {
	var done int64
	total, tag := int64(-1), ""
	for try := 0; ; try++ {
		header := http.Header{}
		if done > 0 {
			header.Set("Range", fmt.Sprintf("bytes=%d-", done))
			header.Set("If-Range", tag)
		}
		response, err := c.send(ctx, http.MethodGet, path, nil, nil, header)
		if err != nil {
			return "", err
		}
		if done > 0 && response.StatusCode != http.StatusPartialContent {
			return "", errors.Join(fmt.Errorf("download of %s: the file is another one now", path), response.Body.Close())
		}
		if done == 0 {
			name, tag, total = nameOf(response), validator(response), response.ContentLength
		}
		n, err := io.Copy(w, &counted{response.Body, &done, total, progress})
		_ = response.Body.Close() // it was read, or broke off
		switch {
		case err == nil:
			return name, nil
		case ctx.Err() != nil:
			return "", ctx.Err()
		case n == 0 || tag == "" || try == downloads:
			return "", fmt.Errorf("download of %s: %w", path, err)
		}
	}
}

// validator is what tells whether the file is still the same.
func validator(r *http.Response) string {
	if tag := r.Header.Get("ETag"); tag != "" {
		return tag
	}
	return r.Header.Get("Last-Modified")
}

// nameOf is the file's name, without a folder.
func nameOf(r *http.Response) string {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Disposition"))
	if err != nil || params["filename"] == "" {
		return ""
	}
	return filepath.Base(filepath.FromSlash(params["filename"]))
}

// counted tells how far the reading is.
type counted struct {
	r        io.Reader
	done     *int64
	total    int64
	progress func(done, total int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.done += int64(n)
	if c.progress != nil {
		c.progress(*c.done, c.total)
	}
	return n, err
}
