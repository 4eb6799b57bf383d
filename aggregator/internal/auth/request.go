// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"encoding/json"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is kept of a request, in bytes: clients choose these texts.
const (
	maxUserAgent = 256
	maxPath      = 512
)

// Request is how a principal asked over HTTP. It is read-only once it is made.
type Request struct {
	UserAgent string // "": it had none
	IP        string // of the client, as trusted proxies tell it; "": not known
	Method    string
	Path      string // without the query
	View      string // the route's path; "": there is none
}

// NewRequest cuts what the client chose to a sane length of plain text.
func NewRequest(userAgent string, ip netip.Addr, method, path, view string) *Request {
	r := &Request{UserAgent: plainText(userAgent, maxUserAgent), Method: plainText(method, maxUserAgent), Path: plainText(path, maxPath), View: view}
	if ip.IsValid() {
		r.IP = ip.String()
	}
	return r
}

// plainText returns the beginning of a text, without control characters and what is no UTF-8.
func plainText(text string, most int) string {
	if len(text) > most {
		text = text[:most]
		for i := 0; i < utf8.UTFMax && i < len(text); i++ { // a character that was cut in two
			if last, size := utf8.DecodeLastRuneInString(text); last != utf8.RuneError || size > 1 {
				break
			}
			text = text[:len(text)-1]
		}
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return utf8.RuneError
		}
		return c
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
}

// requestSection is the outside contract's section of a request.
type requestSection struct {
	UserAgent string       `json:"user_agent,omitempty"`
	IP        string       `json:"ip,omitempty"`
	Method    string       `json:"method,omitempty"`
	Path      string       `json:"path,omitempty"`
	View      string       `json:"view,omitempty"`
	User      *userSection `json:"user,omitempty"`
}

type userSection struct {
	ID               int64          `json:"id"`
	Username         string         `json:"username"`
	Email            string         `json:"email"`
	IsRemote         bool           `json:"is_remote"`
	IsServiceAccount bool           `json:"is_service_account"`
	IsSuperuser      bool           `json:"is_superuser"`
	Session          sessionSection `json:"session"`
}

// sessionSection says how the user came in. Nobody comes from another identity provider, or with a second factor, so far.
type sessionSection struct {
	TokenAuthenticated bool          `json:"token_authenticated"`
	IsRemote           bool          `json:"is_remote"`
	MFAAuthenticated   bool          `json:"mfa_authenticated"`
	Token              *tokenSection `json:"token,omitempty"`
}

type tokenSection struct {
	PK     string     `json:"pk"`
	Name   string     `json:"name,omitempty"`
	Expiry *time.Time `json:"expiry,omitempty"`
}

// JSON returns the outside contract's section about a request of nobody that is known; see Principal.RequestJSON.
func (r *Request) JSON() json.RawMessage { return r.section().encode() }

func (r *Request) section() requestSection {
	return requestSection{UserAgent: r.UserAgent, IP: r.IP, Method: r.Method, Path: r.Path, View: r.View}
}

// RequestJSON returns the outside contract's section about the request that the principal sent, with the principal in it
// and without any secret; nil when there is none.
func (p *Principal) RequestJSON() json.RawMessage {
	if p.Request == nil {
		return nil
	}
	s := p.Request.section()
	if p.ID != 0 {
		s.User = &userSection{
			ID: p.ID, Username: p.Name, Email: p.Email, IsServiceAccount: p.Kind == ServiceAccount, IsSuperuser: p.superuser(),
			Session: sessionSection{TokenAuthenticated: p.Token != nil},
		}
		if p.Token != nil {
			s.User.Session.Token = &tokenSection{PK: p.Token.ID, Name: p.Token.Name, Expiry: inUTC(p.Until)}
		}
	}
	return s.encode()
}

func (s requestSection) encode() json.RawMessage {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil // texts, numbers, and times that the database holds
	}
	return raw
}

// superuser tells whether the principal may do everything, to every machine.
func (p *Principal) superuser() bool {
	scope, ok := p.ScopeOf(All)
	return ok && scope.All()
}

func inUTC(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	utc := at.UTC()
	return &utc
}
