// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"time"
)

// Serve are the settings of the running aggregator.
type Serve struct {
	Database
	FleetMetrics
	Events

	Listen        string `setting:"" default:"127.0.0.1:8480" placeholder:"HOST:PORT" help:"Where REST, metrics and Connect listen (default ${default})."`
	GRPCListen    string `setting:"" name:"grpc-listen" default:"127.0.0.1:8481" placeholder:"HOST:PORT" help:"Where native gRPC listens (default ${default})."`
	GRPCAdvertise string `setting:"" name:"grpc-advertise" placeholder:"HOST:PORT" help:"The native address that agents are told; without a host, the one they came to. By default that one, with the port of --grpc-listen."`

	TLSCert           string `setting:"" name:"tls-cert" placeholder:"FILE" help:"Certificate chain of both listeners, PEM, read again when it changes."`
	TLSKey            string `setting:"" name:"tls-key" placeholder:"FILE" help:"Private key of --tls-cert, PEM."`
	TLSTicketKeyFile  string `setting:"" name:"tls-ticket-key-file" placeholder:"FILE" help:"A secret of 32 random bytes or more that aggregators behind one address share, so that agents resume their TLS sessions at any of them."`
	InsecurePlainHTTP bool   `setting:"" name:"insecure-plain-http" help:"Listen off loopback without TLS, as behind a proxy that has it."`

	TrustedProxies []netip.Prefix `setting:"" name:"trusted-proxies" placeholder:"CIDR" help:"Networks of the proxies in front of --listen whose X-Forwarded-For is believed: 10.0.0.0/8,fd00::/8."`

	PublicURL     string `setting:"" name:"public-url" placeholder:"URL" help:"Where agents and admins reach this aggregator, for the addresses that it hands out: https://rollcall.example. By default where a request went to."`
	AgentPackages string `setting:"" name:"agent-packages" placeholder:"DIR" help:"A folder with the agent's packages as make package names them: what the installation scripts of enrolments download."`

	ReplicaURL    string        `setting:"" name:"replica-url" placeholder:"URL" help:"Read exports from this streaming replica of the database (postgres://…) while it keeps up."`
	ReplicaMaxLag time.Duration `setting:"" name:"replica-max-lag" default:"5m" help:"How far behind the replica may be (default ${default}); beyond that exports read the primary."`

	CheckinInterval time.Duration `setting:"" name:"checkin-interval" default:"5m" help:"How often agents report (default ${default})."`

	SnapshotRetentionDays int `setting:"" name:"snapshot-retention-days" default:"30" placeholder:"DAYS" help:"How long changes are kept, and with them the snapshots of the past; weeks go as a whole. The current snapshots stay (default ${default})."`

	ExportDir       string        `setting:"" name:"export-dir" placeholder:"DIR" help:"Where exports are kept for download: exports/ in the folder of --embedded-postgres by default, else /var/lib/rollcall/exports. Aggregators on one database share it."`
	ExportRetention time.Duration `setting:"" name:"export-retention" default:"7d" help:"How long a finished task and its file are kept (default ${default})."`
	ExportMaxGiB    int64         `setting:"" name:"export-max-gib" default:"20" placeholder:"GIB" help:"How much all files of exports together may take; an export that would take more fails. 0: any number (default ${default})."`
}

// defaultExportDir is where exports are kept beside a database server.
const defaultExportDir = "/var/lib/rollcall/exports"

// minExportRetention leaves time for a download.
const minExportRetention = time.Minute

// ExportFolder returns where exports are kept.
func (s *Serve) ExportFolder() string {
	switch {
	case s.ExportDir != "":
		return s.ExportDir
	case s.EmbeddedPostgres != "":
		return filepath.Join(s.EmbeddedPostgres, "exports")
	default:
		return defaultExportDir
	}
}

func (s *Serve) validateExports() error {
	if s.ExportRetention < minExportRetention {
		return fmt.Errorf("--export-retention %s: at least %s", s.ExportRetention, minExportRetention)
	}
	if s.ExportMaxGiB < 0 || s.ExportMaxGiB > 1<<20 {
		return fmt.Errorf("--export-max-gib %d: from 0 to %d", s.ExportMaxGiB, 1<<20)
	}
	return nil
}

// minReplicaLag is what a replica needs to seem to keep up: it is looked at every other second.
const minReplicaLag = 5 * time.Second

// maxRetentionDays is a century, far from where arithmetic with times ends.
const maxRetentionDays = 36_500

// minCheckinInterval keeps a typing error from turning the fleet on its own aggregator.
const minCheckinInterval = time.Second

// TLS reports whether the listeners speak TLS.
func (s *Serve) TLS() bool { return s.TLSCert != "" }

// Validate refuses settings that contradict each other or would send credentials in the clear.
func (s *Serve) Validate() error {
	if err := s.Database.Validate(); err != nil {
		return err
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key need each other")
	}
	if s.TLSTicketKeyFile != "" && !s.TLS() {
		return errors.New("--tls-ticket-key-file needs --tls-cert")
	}
	for _, l := range []struct{ flag, address string }{{"--listen", s.Listen}, {"--grpc-listen", s.GRPCListen}} {
		if err := s.validateListener(l.flag, l.address); err != nil {
			return err
		}
	}
	if s.GRPCAdvertise != "" {
		if _, err := splitAddress("--grpc-advertise", s.GRPCAdvertise); err != nil {
			return err
		}
	}
	if err := validatePublicURL(s.PublicURL); err != nil {
		return err
	}
	if s.ReplicaMaxLag < minReplicaLag {
		return fmt.Errorf("--replica-max-lag %s: at least %s", s.ReplicaMaxLag, minReplicaLag)
	}
	if s.CheckinInterval < minCheckinInterval {
		return fmt.Errorf("--checkin-interval %s: at least %s", s.CheckinInterval, minCheckinInterval)
	}
	if s.SnapshotRetentionDays < 1 || s.SnapshotRetentionDays > maxRetentionDays {
		return fmt.Errorf("--snapshot-retention-days %d: from 1 to %d", s.SnapshotRetentionDays, maxRetentionDays)
	}
	return errors.Join(s.validateExports(), s.FleetMetrics.validate(), s.Events.validate())
}

// validatePublicURL wants what a path can follow: a scheme and a host. It stands in scripts that run as root.
func validatePublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("--public-url %s: write it like https://rollcall.example", text)
	}
	return nil
}

func (s *Serve) validateListener(flag, address string) error {
	host, err := splitAddress(flag, address)
	if err != nil {
		return err
	}
	if s.TLS() || s.InsecurePlainHTTP || loopback(host) {
		return nil
	}
	return fmt.Errorf("%s %s without TLS would send credentials in the clear: give --tls-cert and --tls-key, "+
		"listen on 127.0.0.1, or accept it with --insecure-plain-http", flag, address)
}

func splitAddress(flag, address string) (host string, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("%s %s: write it like 127.0.0.1:8480 or [::1]:8480", flag, address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%s %s: the port is a number from 0 to 65535", flag, address)
	}
	return host, nil
}

// loopback reports whether only this machine can connect to the host. An empty host is every address.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
