// SPDX-License-Identifier: Apache-2.0

package config

import "errors"

// Exit codes of the program.
const (
	ExitOK            = 0
	ExitFailure       = 1
	ExitUsage         = 2 // usage or configuration
	ExitCheckFailed   = 3
	ExitPartial       = 4 // partial data
	ExitNotAuthorised = 5
	ExitUnreachable   = 6 // the server
)

// ErrHelp means that help was asked for and printed; its exit code is 0 and there is nothing to say.
var ErrHelp = errors.New("help was asked for")

// exitError gives an error its exit code.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string { return e.err.Error() }
func (e exitError) Unwrap() error { return e.err }

// WithExit gives err an exit code; a nil err stays nil. The outermost code counts.
func WithExit(code int, err error) error {
	if err == nil {
		return nil
	}
	return exitError{code: code, err: err}
}

// ExitCode is what the program ends with: 0 for nil and ErrHelp, the code given by WithExit, else 1.
func ExitCode(err error) int {
	var coded exitError
	switch {
	case err == nil, errors.Is(err, ErrHelp):
		return ExitOK
	case errors.As(err, &coded):
		return coded.code
	default:
		return ExitFailure
	}
}
