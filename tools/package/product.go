// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"

	"github.com/goreleaser/nfpm/v2/files"
)

// product is something that has packages of Linux distributions of its own.
type product struct {
	name        string // of the package, its program and its man page
	module      string // that the program lies in, as <module>/cmd/<name>
	folder      string // below packaging: completion, debian, man, scripts
	description string // the first line is the synopsis
	formats     []string
	contents    []content
	scripts     map[string]scripts // by format

	// What scripts are told: the account of the service and what it is called, its state and its configuration.
	account, title, state, etc string
}

// content is a file or folder of a package.
type content struct {
	source string // in the repository; empty: a folder
	target string
	mode   os.FileMode
	kind   string   // of nfpm: empty, config|noreplace, dir
	except []string // formats that do without
	only   []string // formats that have it; empty: all
}

// scripts are what a package runs, each put together from parts in the product's folder.
type scripts struct {
	depends, recommends                 []string
	install, upgrade, preremove, remove []string
}

var products = []product{agentProduct, aggregatorProduct, clientProduct}

var agentProduct = product{
	name: "rollcall-agent", module: "agent", folder: "agent", formats: []string{"deb", "rpm", "apk", "archlinux"},
	account: "rollcall-agent", title: "Rollcall agent", state: "/var/lib/rollcall-agent", etc: "/etc/rollcall-agent",
	description: `inventory agent that reports what changed
Collects what is on this machine (system, hardware, disks, network, packages)
and sends only what changed to a Rollcall aggregator. It opens no listening
socket and starts no other program.`,
	contents: []content{
		{target: "/etc/rollcall-agent", mode: 0o755, kind: files.TypeDir},
		{target: "/etc/rollcall-agent/facts.d", mode: 0o755, kind: files.TypeDir},
		{source: "packaging/config/agent.yaml.example", target: "/etc/rollcall-agent/agent.yaml", mode: 0o644, kind: files.TypeConfigNoReplace},
		{source: "packaging/agent/openrc/rollcall-agent", target: "/etc/init.d/rollcall-agent", mode: 0o755, only: []string{"apk"}},
		{source: "packaging/agent/systemd/rollcall-agent.service", target: "/usr/lib/systemd/system/rollcall-agent.service", mode: 0o644, except: []string{"apk"}},
	},
	scripts: map[string]scripts{
		"deb": {
			depends: []string{"passwd"}, recommends: []string{"ca-certificates"},
			install: []string{"account", "deb-postinst"}, preremove: []string{"goodbye", "deb-prerm"}, remove: []string{"deb-postrm"},
		},
		"rpm": {
			depends: []string{"/usr/sbin/useradd", "/usr/sbin/groupadd"}, recommends: []string{"ca-certificates"},
			install: []string{"account", "rpm-postinstall"}, preremove: []string{"goodbye", "rpm-preremove"}, remove: []string{"rpm-postremove"},
		},
		"apk": {
			install: []string{"apk-account", "apk-postinstall"}, upgrade: []string{"apk-account", "apk-postupgrade"},
			preremove: []string{"goodbye", "apk-preremove"}, remove: []string{"apk-postremove"},
		},
		"archlinux": {
			depends: []string{"shadow"},
			install: []string{"account", "arch-postinstall"}, upgrade: []string{"account", "arch-postupgrade"},
			preremove: []string{"goodbye", "arch-preremove"}, remove: []string{"arch-postremove"},
		},
	},
}

var aggregatorProduct = product{
	name: "rollcall-aggregator", module: "aggregator", folder: "aggregator", formats: []string{"deb", "rpm"},
	account: "rollcall", title: "Rollcall aggregator", state: "/var/lib/rollcall", etc: "/etc/rollcall",
	description: `aggregator of the inventory of many machines
Takes what Rollcall agents report, keeps it and its history in PostgreSQL, and
answers what is on every machine, whether it is as it should be, and what
changed: by a REST API, exports and metrics.`,
	contents: []content{
		{target: "/etc/rollcall", mode: 0o755, kind: files.TypeDir},
		{source: "packaging/config/aggregator.yaml.example", target: "/etc/rollcall/aggregator.yaml", mode: 0o640, kind: files.TypeConfigNoReplace},
		{source: "packaging/aggregator/systemd/rollcall-aggregator.service", target: "/usr/lib/systemd/system/rollcall-aggregator.service", mode: 0o644},
		{source: "packaging/prometheus/rollcall.rules.yml", target: "/usr/share/rollcall/prometheus/rollcall.rules.yml", mode: 0o644},
		{source: "packaging/prometheus/prometheus.example.yml", target: "/usr/share/rollcall/prometheus/prometheus.example.yml", mode: 0o644},
		{source: "packaging/grafana/fleet.json", target: "/usr/share/rollcall/grafana/fleet.json", mode: 0o644},
		{source: "packaging/grafana/compliance.json", target: "/usr/share/rollcall/grafana/compliance.json", mode: 0o644},
		{source: "packaging/grafana/aggregator.json", target: "/usr/share/rollcall/grafana/aggregator.json", mode: 0o644},
		{source: "packaging/grafana/provisioning.example.yaml", target: "/usr/share/rollcall/grafana/provisioning.example.yaml", mode: 0o644},
	},
	scripts: map[string]scripts{
		"deb": {
			depends: []string{"passwd"}, recommends: []string{"ca-certificates", "postgresql"},
			install: []string{"account", "readable", "deb-postinst"}, preremove: []string{"deb-prerm"}, remove: []string{"deb-postrm"},
		},
		"rpm": {
			depends: []string{"/usr/sbin/useradd", "/usr/sbin/groupadd"}, recommends: []string{"ca-certificates", "postgresql-server"},
			install: []string{"account", "readable", "rpm-postinstall"}, preremove: []string{"rpm-preremove"}, remove: []string{"rpm-postremove"},
		},
	},
}

var clientProduct = product{
	name: "rollcall", module: "aggregator", folder: "client", formats: []string{"deb", "rpm"},
	description: `command line of the Rollcall inventory
Asks an aggregator about machines, runs exports, and manages checks, tags,
tokens and enrolments, through its public API. A pack of checks comes along.`,
	contents: packOfChecks("accounts", "certificates", "disk-encryption", "ec2", "hardware", "kernel", "network", "os-release", "packages", "protection", "repositories"),
	scripts:  map[string]scripts{"deb": {recommends: []string{"ca-certificates"}}, "rpm": {recommends: []string{"ca-certificates"}}},
}

// packOfChecks are the files of checks that come with the client.
func packOfChecks(topics ...string) []content {
	var all []content
	for _, topic := range topics {
		name := topic + ".yaml"
		all = append(all, content{source: "packaging/checks/" + name, target: "/usr/share/rollcall/checks/" + name, mode: 0o644})
	}
	return all
}
