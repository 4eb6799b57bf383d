// SPDX-License-Identifier: Apache-2.0

package compliance_test

import (
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

func TestVersionsAreComparedAsTheirKindOrdersThem(t *testing.T) {
	t.Parallel()
	tests := []struct {
		expression string
		want       compliance.Status
	}{
		{"compare_versions('deb_packages', '3.0.9-1', '3.0.11-1~deb12u2') == `-1`", compliance.StatusOK},
		{"compare_versions('deb_packages', '1:1.0', '9.0') == `1`", compliance.StatusOK},
		{"compare_versions('rpm_packages', '1.0-1', '1.0-1') == `0`", compliance.StatusOK},
		{"compare_versions('deb_packages', '1.0~rc1', '1.0') > `0`", compliance.StatusFailed},
		{"compare_versions('natural', '6.1.0-37-amd64', '5.15') > `0`", compliance.StatusOK},
		{"compare_versions('natural', '4.18.0-553.el8_10.x86_64', '4.18') >= `0`", compliance.StatusOK},
		{"compare_versions('deb_packages', 'a b', '1.0') > `0`", compliance.StatusUnknown},
		{"compare_versions('disks', '1', '2') < `0`", compliance.StatusUnknown},
		{"compare_versions('deb_packages', nothing, '1.0') < `0`", compliance.StatusUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.expression, func(t *testing.T) {
			t.Parallel()
			e, err := compliance.Compile(tt.expression)
			if err != nil {
				t.Fatal(err)
			}
			if got := e.Evaluate(map[string]any{}); got.Status != tt.want || (got.Err != nil) != (tt.want == compliance.StatusUnknown) {
				t.Errorf("got %v, %v, want %v", got.Status, got.Err, tt.want)
			}
		})
	}
	if _, err := compliance.Compile("compare_versions('1', '2')"); err == nil {
		t.Error("compiled with two arguments")
	}
}
