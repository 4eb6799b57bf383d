// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"errors"
	"strings"
)

// What a door answers about the Authorization header; the texts are the outside contract's and are sent as they are.
var (
	ErrNoCredentials    = errors.New("Authentication credentials were not provided.")                             //nolint:revive,staticcheck // the contract's text
	ErrEmptyHeader      = errors.New("Invalid token header. No credentials provided.")                            //nolint:revive,staticcheck // the contract's text
	ErrSpacesInHeader   = errors.New("Invalid token header. Token string should not contain spaces.")             //nolint:revive,staticcheck // the contract's text
	ErrPermissionDenied = errors.New("You do not have permission to perform this action.")                        //nolint:revive,staticcheck // the contract's text
	ErrInactive         = errors.New("User inactive or deleted.")                                                 //nolint:revive,staticcheck // the contract's text
	errBadCharacters    = errors.New("Invalid token header. Token string should not contain invalid characters.") //nolint:revive,staticcheck // the contract's text
)

// Scheme is the first word of an Authorization header, in lower case.
type Scheme string

// The schemes. Our own doors take both; the outside contract's take only TokenScheme.
const (
	TokenScheme  Scheme = "token"
	BearerScheme Scheme = "bearer"
)

// Challenge is the scheme as a WWW-Authenticate header spells it.
func (s Scheme) Challenge() string { return strings.ToUpper(string(s[:1])) + string(s[1:]) }

// FromHeader returns the secret in an Authorization header of one of the accepted schemes; their case does not matter.
// No header, or one of another scheme, is ErrNoCredentials. The shape of the secret is not checked: see CheckToken.
func FromHeader(header string, accepted ...Scheme) (string, error) {
	fields := strings.Fields(header)
	if len(fields) == 0 || !accepts(accepted, fields[0]) {
		return "", ErrNoCredentials
	}
	switch {
	case len(fields) == 1:
		return "", ErrEmptyHeader
	case len(fields) > 2:
		return "", ErrSpacesInHeader
	}
	for i := range len(fields[1]) {
		if c := fields[1][i]; c < '!' || c > '~' {
			return "", errBadCharacters
		}
	}
	return fields[1], nil
}

func accepts(accepted []Scheme, word string) bool {
	for _, s := range accepted {
		if strings.EqualFold(string(s), word) {
			return true
		}
	}
	return false
}
