// SPDX-License-Identifier: Apache-2.0

package notify_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/notify"
)

func TestAddressesThatNoReceiverHas(t *testing.T) {
	t.Parallel()
	tests := []struct {
		address string
		plain   bool
		refused bool
	}{
		{address: "93.184.216.34"},
		{address: "10.1.2.3"},
		{address: "fd12::1"},
		{address: "127.0.0.1", plain: true},
		{address: "::1", plain: true},
		{address: "10.1.2.3", plain: true, refused: true},
		{address: "169.254.169.254", refused: true},
		{address: "::ffff:169.254.169.254", refused: true},
		{address: "64:ff9b::a9fe:a9fe", refused: true},
		{address: "fe80::1%eth0", refused: true},
		{address: "fd00:ec2::254", refused: true},
		{address: "0.0.0.0", refused: true},
		{address: "::", refused: true},
		{address: "224.0.0.1", refused: true},
		{address: "255.255.255.255", refused: true},
	}
	for _, test := range tests {
		if err := notify.CheckAddr(netip.MustParseAddr(test.address), test.plain); (err != nil) != test.refused {
			t.Errorf("%s, plain %v: got %v, want refused %v", test.address, test.plain, err, test.refused)
		}
	}
}

func TestAddressesOfReceivers(t *testing.T) {
	t.Parallel()
	for address, taken := range map[string]bool{
		"https://receiver.example/hook?x=1": true, "http://127.0.0.1:8080/": true, "http://localhost/": true, "http://[::1]/": true,
		"https://10.0.0.1/": true, "": false, "receiver.example": false, "http://receiver.example/": false, "ftp://receiver.example/": false,
		"https:///x": false, "https://a:b@receiver.example/": false, "https://receiver.example/#x": false, "https://169.254.169.254/": false,
		"https://[fe80::1]/": false, "https://:443/": false, "http://localhost.receiver.example/": false,
	} {
		if err := notify.CheckURL(address); (err == nil) != taken {
			t.Errorf("%q: got %v, want taken %v", address, err, taken)
		}
	}
}

func TestBackoffDoublesUpToTheLast(t *testing.T) {
	t.Parallel()
	for attempt, most := range map[int]time.Duration{1: 1, 2: 2, 3: 4, 4: 8, 5: 10, 30: 10, 1 << 40: 10} {
		for range 50 {
			if got := notify.Backoff(time.Second, 10*time.Second, attempt); got < 0 || got > most*time.Second {
				t.Errorf("attempt %d: %s, want at most %ds", attempt, got, most)
			}
		}
	}
}

func TestReceiversSayHowLongToWait(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	tests := []struct {
		status int
		text   string
		want   time.Duration
	}{
		{status: 429, text: "7", want: 7 * time.Second},
		{status: 503, text: "Wed, 04 Mar 2026 05:07:07 GMT", want: time.Minute},
		{status: 503, text: "Wed, 04 Mar 2020 05:07:07 GMT"},
		{status: 503, text: "-1"},
		{status: 503, text: "soon"},
		{status: 429},
		{status: 500, text: "7"},
	}
	for _, test := range tests {
		got := &http.Response{StatusCode: test.status, Header: http.Header{"Retry-After": {test.text}}}
		if wait := notify.RetryAfter(got, now); wait != test.want {
			t.Errorf("%d %q: %s, want %s", test.status, test.text, wait, test.want)
		}
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, seed := range []string{"https://receiver.example/", "http://[::1%25lo]/", "https://%31/", "http://127.0.0.1", "https://\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if notify.CheckURL(address) != nil {
			return
		}
		if u, err := url.Parse(address); err != nil || u.Host == "" || u.User != nil {
			t.Errorf("%q was taken", address)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"1", "99999999999999999999", "Wed, 04 Mar 2026 05:07:07 GMT", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {text}}}
		if notify.RetryAfter(got, time.Unix(0, 0)) < 0 {
			t.Errorf("%q: a negative wait", text)
		}
	})
}
