// SPDX-License-Identifier: Apache-2.0

package postgres

import "errors"

// ErrInUse means that another process owns the cluster of the folder.
var ErrInUse = errors.New("another process uses this folder")

// ErrNotInstalled means that the machine has no usable PostgreSQL binaries; the wrapping error says what to install.
var ErrNotInstalled = errors.New("PostgreSQL is not installed")

// Option changes how a cluster is created and run.
type Option func(*options)

type options struct {
	binDir   string
	noSync   bool
	standby  bool
	settings []setting
}

// setting is one configuration parameter of the server.
type setting struct{ name, value string }

// WithBinaries names the folder of initdb and postgres instead of searching for it. An empty dir searches.
func WithBinaries(dir string) Option {
	return func(o *options) { o.binDir = dir }
}

// WithSetting sets a configuration parameter of the server. The last value of a name wins.
func WithSetting(name, value string) Option {
	return func(o *options) { o.settings = append(o.settings, setting{name, value}) }
}

// Ephemeral trades durability for speed: no fsync anywhere, so that a crash of the machine (not of the server)
// destroys the data. For tests only.
func Ephemeral() Option {
	return func(o *options) {
		o.noSync = true
		o.settings = append(o.settings, setting{"fsync", "off"}, setting{"full_page_writes", "off"}, setting{"synchronous_commit", "off"})
	}
}

// Standby starts a data folder that is a streaming replica (it has standby.signal): it is there once it takes readers.
// For tests.
func Standby() Option {
	return func(o *options) { o.standby = true }
}
