// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec" //nolint:depguard // a build tool
	"path/filepath"
)

// build compiles a program of a module for a platform, static and without paths of this machine, and returns its path.
func (r release) build(module, program, goos, goarch string) (string, error) {
	out := filepath.Join(r.stage, goos+"-"+goarch, program)
	if goos == "windows" {
		out += ".exe"
	}
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	cmd := exec.Command("go", "build", "-tags", "release", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version="+r.version.name,
		"-o", out, "./"+module+"/cmd/"+program)
	cmd.Dir = r.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS="+goos, "GOARCH="+goarch, "GOAMD64=v1", "GOARM64=v8.0", "GOWORK=")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s for %s/%s: %w\n%s", program, goos, goarch, err, output)
	}
	return out, nil
}

// run runs a program in a folder and returns what it prints.
func run(dir, program string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return string(out), nil
}
