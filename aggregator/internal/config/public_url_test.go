// SPDX-License-Identifier: Apache-2.0

package config

import "testing"

// The address stands in scripts that run as root.
func TestPublicURLIsSchemeAndHost(t *testing.T) {
	t.Parallel()
	for text, fine := range map[string]bool{
		"": true, "https://rollcall.example": true, "http://10.0.0.1:8480/": true, "https://rollcall.example/base": true,
		"rollcall.example": false, "ftp://rollcall.example": false, "https://": false, "https://u:p@rollcall.example": false,
		"https://rollcall.example?x=1": false, "https://rollcall.example#x": false,
	} {
		if err := validatePublicURL(text); (err == nil) != fine {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
