// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"time"
)

// TokenCreate is the verb token create.
type TokenCreate struct {
	Database
	Name           string        `required:"" help:"What the token is for."`
	Role           string        `help:"What it may do: viewer (as without it), operator, admin or a role of your own. The token gets a service account of its name with that role."`
	User           string        `placeholder:"NAME" help:"Make it a token (ztlu_…) of this user instead, with the user's roles."`
	ServiceAccount string        `placeholder:"NAME" help:"Make it a token (ztls_…) of this service account instead, with its roles."`
	Expires        time.Duration `help:"When it ends, from now: 12h, 30d. Never by default."`
}

// Validate refuses an empty name, an end in the past and more than one owner.
func (t *TokenCreate) Validate() error {
	if err := t.Database.Validate(); err != nil {
		return err
	}
	given := 0
	for _, flag := range []string{t.Role, t.User, t.ServiceAccount} {
		if flag != "" {
			given++
		}
	}
	if given > 1 {
		return errors.New("--role, --user and --service-account exclude each other: a token may do what its owner may")
	}
	return validateNew(t.Name, t.Expires)
}

// UserCreate is the verb user create.
type UserCreate struct {
	Database
	PasswordSource
	Name        string   `arg:"" help:"The name to sign in with."`
	DisplayName string   `help:"What people call them."`
	Email       string   `help:"Their address."`
	Role        []string `help:"What they may do; may be repeated. Nothing by default."`
	NoPassword  bool     `help:"Let them have tokens only."`
}

// UserPasswd is the verb user passwd.
type UserPasswd struct {
	Database
	PasswordSource
	Name string `arg:"" help:"The user."`
}

// PasswordSource says where a new password comes from: never a flag, which everybody on the machine can see.
type PasswordSource struct {
	PasswordFile string `placeholder:"FILE" help:"Read the password from the first line of this file; - is standard input. Asked for at the terminal by default."`
}

// UserRoles is the verb user roles.
type UserRoles struct {
	Database
	Name string   `arg:"" help:"The user or service account."`
	Role []string `help:"A role to have from now on, instead of those so far; may be repeated."`
}

// Named is a verb about something with a name.
type Named struct {
	Database
	Name string `arg:"" help:"Its name."`
}

// RoleCreate is the verb role create.
type RoleCreate struct {
	Database
	Name        string   `arg:"" help:"Its name."`
	Description string   `help:"What it is for."`
	Permission  []string `required:"" help:"What it lets people do, such as inventory.view_tag; may be repeated."`
	Tag         []string `help:"Only for machines with this tag; may be repeated. For every machine by default."`
}
