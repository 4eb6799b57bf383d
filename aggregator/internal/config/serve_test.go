// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"strings"
	"testing"
)

func TestPlainHTTPStaysOnLoopback(t *testing.T) {
	t.Parallel()
	const tls = " --tls-cert c --tls-key k"
	tests := []struct {
		name, flags string
		want        string // part of the message; empty: accepted
	}{
		{"defaults", "", ""},
		{"IPv6 loopback", "--listen [::1]:80", ""},
		{"localhost", "--listen localhost:80", ""},
		{"mapped loopback", "--listen [::ffff:127.0.0.1]:80", ""},
		{"all of 127", "--listen 127.9.9.9:80", ""},
		{"every address", "--listen :8480", "--insecure-plain-http"},
		{"every IPv4 address", "--listen 0.0.0.0:8480", "--listen 0.0.0.0:8480"},
		{"gRPC too", "--grpc-listen 10.0.0.1:8481", "--grpc-listen 10.0.0.1:8481"},
		{"a name may mean anything", "--listen rollcall.example:80", "--tls-cert"},
		{"not localhost", "--listen localhost.example:80", "--tls-cert"},
		{"TLS", "--listen :8480 --grpc-listen :8481" + tls, ""},
		{"accepted by name", "--listen :8480 --insecure-plain-http", ""},
		{"certificate without key", "--tls-cert c", "--tls-key"},
		{"no port", "--listen 127.0.0.1", "127.0.0.1:8480"},
		{"port out of range", "--listen 127.0.0.1:70000", "65535"},
		{"advertised", "--grpc-advertise rollcall.example:8481", ""},
		{"only the port advertised", "--grpc-advertise :443", ""},
		{"advertised without a port", "--grpc-advertise rollcall.example", "--grpc-advertise"},
		{"tickets without TLS", "--tls-ticket-key-file f", "--tls-cert"},
		{"tickets", "--tls-ticket-key-file f" + tls, ""},
		{"proxies", "--trusted-proxies 10.0.0.0/8,fd00::/8", ""},
		{"a proxy without a network", "--trusted-proxies 10.0.0.1", "--trusted-proxies"},
		{"interval", "--checkin-interval 1ms", "--checkin-interval"},
		{"a day of history", "--snapshot-retention-days 1", ""},
		{"no history", "--snapshot-retention-days 0", "--snapshot-retention-days"},
		{"history for ever", "--snapshot-retention-days 100000", "--snapshot-retention-days"},
		{"a month of exports", "--export-retention 30d --export-max-gib 0", ""},
		{"exports that are gone at once", "--export-retention 1s", "--export-retention"},
		{"room for less than nothing", "--export-max-gib -1", "--export-max-gib"},
		{"replica", "--replica-url postgres://replica --replica-max-lag 10s", ""},
		{"replica that is to keep up with light", "--replica-max-lag 1ms", "--replica-max-lag"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, "serve --embedded-postgres x "+tt.flags, nil)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v, want it accepted", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestExportsHaveAFolder(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string]string{
		"--embedded-postgres x":                       "x/exports",
		"--embedded-postgres x --export-dir /y":       "/y",
		"--database-url postgres://d":                 "/var/lib/rollcall/exports",
		"--database-url postgres://d --export-dir /y": "/y",
	} {
		cli, err := parse(t, "serve "+flags, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := cli.Serve.ExportFolder(); got != want {
			t.Errorf("%s: got %s, want %s", flags, got, want)
		}
	}
}
