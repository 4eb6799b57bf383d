// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MachineFilter chooses what the inventory of machines tells; the zero MachineFilter chooses everything and counts
// nothing. It is what a query says in the outside contract's words.
type MachineFilter struct {
	// Facets stand in the order of their sheets. Those that are only picked from come last.
	Facets []Facet `json:"facets"`
	// Texts are part of what they name, in any case. An empty one chooses everything.
	Serial string `json:"sn,omitempty"`
	Name   string `json:"cn,omitempty"`
	User   string `json:"pu,omitempty"`
	MAC    string `json:"ma,omitempty"` // beginning of an address: hexadecimal digits in upper case, nothing between them
	// Days is how many days ago a machine was seen last at the most; 0 chooses everything.
	Days int `json:"ls,omitempty"`
}

// Facet is something that machines are told apart by.
type Facet struct {
	Token   string  `json:"token"`            // mbu, t, t1, dp.openssl …
	Counted bool    `json:"counted"`          // it has a sheet, and columns where it has any
	Picked  *string `json:"picked,omitempty"` // the one value that is wanted; nil: all
}

const (
	defaultFacets = "mbu-t-mis-tp-pf-hm-osv"
	maxFacets     = 32
	// maxFilterText bounds a value of the query, maxFilterParameters their number.
	maxFilterText       = 512
	maxFilterParameters = 64
)

var (
	lastDays = regexp.MustCompile(`^([0-9]{1,4})d$`)
	macStart = regexp.MustCompile(`^[0-9A-F]{1,12}$`)
)

// ParseMachineFilter reads the query of an inventory export. Parameters that the contract does not have are passed over,
// as is one without a value. Errors say which parameter is wrong, and why.
func ParseMachineFilter(query url.Values) (MachineFilter, error) {
	if len(query) > maxFilterParameters {
		return MachineFilter{}, fmt.Errorf("the query has more than %d parameters", maxFilterParameters)
	}
	p := filterParser{query: query}
	p.facets()
	for name, read := range map[string]func(*string) error{
		"sn": p.text(&p.f.Serial), "cn": p.text(&p.f.Name), "pu": p.text(&p.f.User), "ma": p.mac, "ls": p.lastSeen,
	} {
		if value := p.value(name); value != nil && p.err == nil {
			if err := read(value); err != nil {
				p.err = fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if p.err != nil {
		return MachineFilter{}, p.err
	}
	return p.f, nil
}

// filterParser keeps the first error.
type filterParser struct {
	query url.Values
	f     MachineFilter
	err   error
}

// value returns the text of a parameter, nil when it is not given, empty or wrong.
func (p *filterParser) value(name string) *string {
	texts := p.query[name]
	if len(texts) == 0 || len(texts) == 1 && texts[0] == "" || p.err != nil {
		return nil
	}
	text := texts[0]
	switch {
	case len(texts) > 1:
		p.err = fmt.Errorf("%s: given more than once", short(name))
	case len(text) > maxFilterText:
		p.err = fmt.Errorf("%s: more than %d bytes", short(name), maxFilterText)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		p.err = fmt.Errorf("%s: not valid text", short(name))
	default:
		return &text
	}
	return nil
}

func short(name string) string {
	const enough = 64
	return strings.ToValidUTF8(name[:min(len(name), enough)], "")
}

// facets reads which facets are active, and what is picked from them and from others.
func (p *filterParser) facets() {
	list := p.value("sf")
	if p.err != nil {
		return
	}
	tokens, err := facetTokens(list)
	if err != nil {
		p.err = fmt.Errorf("sf: %w", err)
		return
	}
	p.f.Facets = []Facet{{Token: "src", Counted: true}}
	for _, token := range tokens {
		if !slices.ContainsFunc(p.f.Facets, func(f Facet) bool { return f.Token == token }) {
			p.f.Facets = append(p.f.Facets, Facet{Token: token, Counted: true})
		}
	}
	names := make([]string, 0, len(p.query))
	for name := range p.query {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		p.pick(name)
	}
	if len(p.f.Facets) > maxFacets {
		p.err = fmt.Errorf("sf: more than %d filters", maxFacets)
	}
}

// pick reads the value that is picked from a facet, if the parameter is one.
func (p *filterParser) pick(name string) {
	sort, _ := splitToken(name)
	if sort == "" {
		return
	}
	value := p.value(name)
	if value == nil {
		return
	}
	picked, err := facetValue(sort, *value)
	if err == nil {
		err = checkToken(name)
	}
	if err != nil {
		p.err = fmt.Errorf("%s: %w", short(name), err)
		return
	}
	for i := range p.f.Facets {
		if p.f.Facets[i].Token == name {
			p.f.Facets[i].Picked = &picked
			return
		}
	}
	p.f.Facets = append(p.f.Facets, Facet{Token: name, Picked: &picked})
}

func (p *filterParser) text(into *string) func(*string) error {
	return func(value *string) error {
		*into = *value
		return nil
	}
}

func (p *filterParser) mac(value *string) error {
	p.f.MAC = macDigits(*value)
	if !macStart.MatchString(p.f.MAC) {
		return fmt.Errorf("%q does not begin a MAC address", short(*value))
	}
	return nil
}

// macDigits returns an address without what stands between its digits.
func macDigits(mac string) string {
	return strings.ToUpper(strings.NewReplacer(":", "", "-", "", ".", "").Replace(mac))
}

func (p *filterParser) lastSeen(value *string) error {
	match := lastDays.FindStringSubmatch(*value)
	if match == nil {
		return fmt.Errorf("%q is not a number of days: write 7d", short(*value))
	}
	p.f.Days, _ = strconv.Atoi(match[1]) // four digits at most
	if p.f.Days == 0 {
		return errors.New("at least 1d")
	}
	return nil
}
