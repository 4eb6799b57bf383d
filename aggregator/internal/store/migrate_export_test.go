// SPDX-License-Identifier: Apache-2.0

package store

// MigrateFS is Migrate with other files.
var MigrateFS = migrate
