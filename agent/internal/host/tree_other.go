// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package host

import (
	"io/fs"
	"os"
)

// treeAt returns the tree below dir. Pipes are no files here.
func treeAt(dir string) fs.FS { return os.DirFS(dir) }
