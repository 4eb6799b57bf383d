// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	scrapeLimit   = 30 * time.Second
	maxScrapeSize = 16 << 20
)

// scraped are the beginnings of the names of metrics that belong in a report.
var scraped = []string{"rollcall_database_size_bytes", "rollcall_snapshots", "rollcall_assets", "rollcall_index_", "rollcall_sync_refus"}

// databaseBefore reads the metrics at the beginning of a verb; nil without a token.
func (r *Runner) databaseBefore(ctx context.Context) map[string]Measure {
	found := map[string]Measure{}
	for name, value := range r.scrape(ctx) {
		found[name] = Measure{Before: value, After: value}
	}
	return found
}

// databaseAfter reads them again.
func (r *Runner) databaseAfter(ctx context.Context, before map[string]Measure) map[string]Measure {
	for name, value := range r.scrape(ctx) {
		before[name] = Measure{Before: before[name].Before, After: value}
	}
	return before
}

// scrape returns the first server's metrics, by name with labels.
func (r *Runner) scrape(ctx context.Context) map[string]float64 {
	if r.options.Token == "" {
		return nil
	}
	found, err := r.tryScrape(ctx)
	if err != nil {
		r.options.Log.Warn("metrics not read", "err", err)
	}
	return found
}

func (r *Runner) tryScrape(ctx context.Context) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.pool.scheme+"://"+r.pool.servers[0]+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+r.options.Token)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: r.pool.tls.Clone(), DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/metrics: %s", response.Status)
	}
	return readMetrics(io.LimitReader(response.Body, maxScrapeSize))
}

// readMetrics reads Prometheus's text format and keeps what belongs in a report.
func readMetrics(text io.Reader) (map[string]float64, error) {
	found := map[string]float64{}
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		for _, prefix := range scraped {
			if !strings.HasPrefix(lines.Text(), prefix) {
				continue
			}
			name, number, ok := cutLast(lines.Text())
			if value, err := strconv.ParseFloat(number, 64); ok && err == nil {
				found[name] = value
			}
		}
	}
	return found, lines.Err()
}

// cutLast cuts a line around its last space.
func cutLast(line string) (before, after string, ok bool) {
	at := strings.LastIndexByte(line, ' ')
	if at < 0 {
		return line, "", false
	}
	return line[:at], line[at+1:], true
}
