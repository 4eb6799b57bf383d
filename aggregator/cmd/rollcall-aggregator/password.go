// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
)

// maxPasswordLine bounds what is read in search of the end of a line.
const maxPasswordLine = 4096

// readPassword returns the first line of the file, of standard input for "-", or what somebody types twice at the
// terminal without seeing it.
func (p *program) readPassword(file string) (string, error) {
	switch {
	case file == "-", file == "" && !term.IsTerminal(int(os.Stdin.Fd())):
		return firstLine(os.Stdin)
	case file == "":
		return p.askPassword()
	}
	f, err := os.Open(file)
	if err != nil {
		return "", config.WithExit(config.ExitUsage, fmt.Errorf("--password-file: %w", err))
	}
	defer func() { _ = f.Close() }() // it was only read
	return firstLine(f)
}

func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPasswordLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func (p *program) askPassword() (string, error) {
	var typed [2]string
	for i, question := range []string{"New password: ", "Once more: "} {
		fmt.Fprint(p.err, question)
		raw, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(p.err)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		typed[i] = string(raw)
	}
	if typed[0] != typed[1] {
		return "", config.WithExit(config.ExitUsage, errors.New("the two passwords differ"))
	}
	return typed[0], nil
}
