// SPDX-License-Identifier: Apache-2.0

// Package metadata asks the metadata services of clouds what they know about the instance that asks.
//
// A metadata service answers at a link-local address, so whoever calls makes sure first, by the firmware, that the
// machine is in that cloud: elsewhere nothing is to be asked. Every request is bounded in time and size, no redirect is
// followed and no proxy used. Answers are data of the instance; tokens stay inside the package.
package metadata

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// maxAnswer bounds one answer. Most have a few kilobytes; Google's documents hold the instance's own attributes too,
	// 512 KiB of them at the most, which JSON makes larger.
	maxAnswer = 2 << 20
	// patience is how long one request may take.
	patience = time.Second
)

// ErrNotFound says that the service has nothing at a path: tags that are not enabled, an address that the instance lacks.
var ErrNotFound = errors.New("the metadata service has no such value")

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends one request and reads a bounded answer.
func ask(ctx context.Context, rt http.RoundTripper, method, address string, header http.Header) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return answer{}, err
	}
	req.Header = header
	res, err := rt.RoundTrip(req) // a client would follow redirects
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", method, req.URL.Path, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", method, req.URL.Path, err)
	}
	if len(body) > maxAnswer {
		return answer{}, fmt.Errorf("%s %s: the answer has more than %d bytes", method, req.URL.Path, maxAnswer)
	}
	return answer{res.StatusCode, res.Header, body}, nil
}

// refused makes an error of a status that is not 200.
func refused(path string, status int) error {
	if status == http.StatusNotFound {
		return fmt.Errorf("%s: %w", path, ErrNotFound)
	}
	return fmt.Errorf("%s: the metadata service answered with status %d", path, status)
}

// get is ask for a service that wants one header and knows no tokens.
func get(ctx context.Context, rt http.RoundTripper, address, key, value string) (answer, error) {
	a, err := ask(ctx, rt, http.MethodGet, address, http.Header{key: {value}})
	if err != nil {
		return a, err
	}
	if a.status != http.StatusOK {
		path := address
		if u, err := url.Parse(address); err == nil {
			path = u.Path
		}
		return a, refused(path, a.status)
	}
	return a, nil
}

// Azure returns the instance document of an Azure virtual machine, JSON.
//
// Source: Azure Instance Metadata Service, version 2021-02-01.
func Azure(ctx context.Context, rt http.RoundTripper) ([]byte, error) {
	a, err := get(ctx, rt, "http://169.254.169.254/metadata/instance?api-version=2021-02-01", "Metadata", "true")
	return a.body, err
}

// GCP returns the instance document of a Google Compute Engine machine, JSON, or another path of its metadata.
//
// Source: Google Compute Engine, "About VM metadata". The answer must carry the flavor, or it is somebody else's.
func GCP(ctx context.Context, rt http.RoundTripper, path string) ([]byte, error) {
	const flavor = "Metadata-Flavor"
	a, err := get(ctx, rt, "http://169.254.169.254/computeMetadata/v1/"+path, flavor, "Google")
	if err == nil && a.header.Get(flavor) != "Google" {
		return nil, errors.New("the answer does not come from Google's metadata service")
	}
	return a.body, err
}
