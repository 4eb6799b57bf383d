// SPDX-License-Identifier: Apache-2.0

//go:build unix

package postgres

import (
	"context"
	"fmt"
	"os/exec"
)

// Command prepares one of PostgreSQL's programs, such as psql or pg_basebackup, or a shell that runs some: as the user
// that the server runs as, with PostgreSQL's programs first in PATH, and connected to the cluster unless the arguments
// say otherwise. For tests and for what an operator would type.
func (c *Cluster) Command(ctx context.Context, program string, args ...string) (*exec.Cmd, error) {
	who, err := serverUser()
	if err != nil {
		return nil, err
	}
	major, err := c.folder.major()
	if err != nil {
		return nil, err
	}
	bin, err := findBinaries(ctx, c.options.binDir, major)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	path := program
	if found, err := exec.LookPath(bin.path(program)); err == nil {
		path = found
	}
	cmd := who.command(ctx, path, c.folder.dir, args...)
	cmd.Env = append(cmd.Env, "PATH="+bin.dir+":/usr/sbin:/usr/bin:/sbin:/bin", "PGHOST="+c.socket, "PGPORT="+port, "PGUSER="+superuser, "PGDATABASE=postgres")
	return cmd, nil
}
