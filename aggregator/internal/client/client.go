// SPDX-License-Identifier: Apache-2.0

// Package client calls the public API of an aggregator, as anybody's program could: it knows addresses, tokens, cursors
// and problem bodies, and nothing of the aggregator itself. It refuses to retry what may have been done.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	// patience is how long the server may take to begin an answer.
	patience = 2 * time.Minute
	// maxAnswer bounds what is held in memory of one answer, in bytes.
	maxAnswer = 64 << 20
)

// Options say which aggregator to call, and as whom.
type Options struct {
	URL       string // https://rollcall.example:8480
	Token     string
	CAFile    string // PEM certificates to trust instead of the system's; "": the system's
	UserAgent string
}

// Client calls one aggregator. It is safe for concurrent use.
type Client struct {
	base  *url.URL
	token string
	agent string
	http  *http.Client
}

// New returns a client; nothing is called yet.
func New(o Options) (*Client, error) {
	base, err := url.Parse(o.URL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fmt.Errorf("address %q: write it like https://rollcall.example:8480", o.URL)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = patience
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no PEM certificate in it", o.CAFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &Client{base: base, token: strings.TrimSpace(o.Token), agent: o.UserAgent, http: &http.Client{
		Transport: transport,
		// The token is for this address alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Do sends a request with a JSON body, nil for none, and decodes the answer into a pointer, nil for none. The path is
// below the address and escaped. What the server refuses is an *Error; no answer at all is ErrUnreachable.
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, body, into any) error {
	response, err := c.send(ctx, method, path, query, body, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if into == nil {
		_, err := io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer))
		return err
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("answer of %s: %w", path, err)
	}
	return nil
}

// Each asks for a list, page by page, and hands over its entries until fn returns an error. list is the key of the answer
// that they stand under.
func (c *Client) Each(ctx context.Context, path, list string, query url.Values, fn func(json.RawMessage) error) error {
	page := url.Values{}
	for name, values := range query {
		page[name] = values
	}
	for {
		var answer map[string]json.RawMessage
		if err := c.Do(ctx, http.MethodGet, path, page, nil, &answer); err != nil {
			return err
		}
		var rows []json.RawMessage
		var next *string
		if err := json.Unmarshal(answer[list], &rows); err != nil {
			return fmt.Errorf("answer of %s: no list %s: %w", path, list, err)
		}
		for _, row := range rows {
			if err := fn(row); err != nil {
				return err
			}
		}
		if raw, ok := answer["next_cursor"]; ok {
			if err := json.Unmarshal(raw, &next); err != nil {
				return fmt.Errorf("answer of %s: next_cursor: %w", path, err)
			}
		}
		if next == nil {
			return nil
		}
		page.Set("cursor", *next)
	}
}

// schemeOf is how a contract wants the token: those of others know one word for it only.
func schemeOf(path string) string {
	if strings.HasPrefix(path, "/api/v1/") {
		return "Bearer"
	}
	return "Token"
}

// send sends a request and returns an answer below 300; its body is the caller's to close.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, body any, header http.Header) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("body for %s: %w", path, err)
		}
		reader = bytes.NewReader(raw)
	}
	target := strings.TrimRight(c.base.String(), "/") + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, target, reader)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", c.agent)
	if c.token != "" {
		request.Header.Set("Authorization", schemeOf(path)+" "+c.token)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errors.Join(ErrUnreachable, err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		defer response.Body.Close()
		return nil, readError(response)
	}
	return response, nil
}
