// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	// maxAnswer is how much of an answer is read, so that the connection can be used again.
	maxAnswer = 64 << 10
	// shownAnswer is how much of it an error tells, in bytes.
	shownAnswer = 200
)

// answer is what came of an attempt. As an error it says why it is no success.
type answer struct {
	status     int    // 0: there was no answer
	text       string // why there was none, or how the answer begins
	retryAfter time.Duration
	forbidden  bool // the address is one that is never asked
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

// final tells whether asking again is unlikely to help.
func (a answer) final() bool {
	switch a.status {
	case 0:
		return a.forbidden
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return a.status >= 300 && a.status < 500
}

// Error implements error.
func (a answer) Error() string {
	switch {
	case a.status == 0:
		return a.text
	case a.text == "":
		return fmt.Sprintf("status %d", a.status)
	}
	return fmt.Sprintf("status %d: %s", a.status, a.text)
}

// post makes one attempt.
func post(ctx context.Context, client *http.Client, d *definition, m *message, now time.Time) answer {
	ctx, cancel := context.WithTimeout(ctx, d.sink.Timeout)
	defer cancel()
	body := m.body(d.probes)
	signature, err := d.sign(m.id(), now, body)
	if err != nil {
		return answer{text: err.Error(), forbidden: true}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.sink.URL, bytes.NewReader(body))
	if err != nil {
		return answer{text: "the address cannot be used", forbidden: true}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Rollcall")
	req.Header.Set(standardwebhooks.HeaderWebhookID, m.id())
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	got, err := client.Do(req)
	if err != nil {
		return unanswered(err, d.sink.Timeout)
	}
	defer func() { _ = got.Body.Close() }() // the status has said it all
	begin, _ := io.ReadAll(io.LimitReader(got.Body, maxAnswer))
	a := answer{status: got.StatusCode}
	if !a.ok() {
		a.text = shown(begin)
		a.retryAfter = retryAfter(got, now)
	}
	return a
}

// sign signs with every secret that counts at the moment, the newest first.
func (d *definition) sign(id string, now time.Time, body []byte) (string, error) {
	var signatures []string
	for _, k := range d.keys {
		if !k.until.IsZero() && !now.Before(k.until) {
			continue
		}
		signature, err := k.Sign(id, now, body)
		if err != nil {
			return "", err
		}
		signatures = append(signatures, signature)
	}
	if len(signatures) == 0 {
		return "", errSecret
	}
	return strings.Join(signatures, " "), nil
}

// unanswered words why there was no answer, without the address: its path may be a secret.
func unanswered(err error, timeout time.Duration) answer {
	_, forbidden := errors.AsType[*forbiddenError](err)
	if errors.Is(err, context.DeadlineExceeded) {
		return answer{text: fmt.Sprintf("no answer within %s", timeout)}
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return answer{text: shown([]byte(err.Error())), forbidden: forbidden}
}

// shown is how a text begins, as far as it can be shown.
func shown(text []byte) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(text[:min(len(text), shownAnswer)]), ""))
	return strings.TrimSpace(clean)
}

// retryAfter is how long a receiver that is overloaded wants to be left alone; 0: it does not say.
func retryAfter(got *http.Response, now time.Time) time.Duration {
	if got.StatusCode != http.StatusTooManyRequests && got.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	text := got.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
