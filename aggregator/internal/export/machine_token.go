// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// noValue is how a query writes that there is no value.
const noValue = "\u2400"

// valueKind is what a facet's values look like.
type valueKind int

const (
	anyText valueKind = iota
	idNumber
	number
)

// plainFacets are the tokens that stand alone; namedFacets go on with the name of a piece of software, or a check's id.
var (
	plainFacets = map[string]valueKind{
		"src": idNumber, "mbu": idNumber, "mis": number, "tp": anyText, "pf": anyText, "hm": anyText, "osv": idNumber,
		"cs": number, "awsa": anyText, "eit": anyText,
	}
	namedFacets = map[string]valueKind{
		"a.n.": anyText, "a.i.": anyText, "aa.": anyText, "dp.": anyText, "ia.": anyText, "p.": anyText, "ccs.": number,
	}
	tagBlock = regexp.MustCompile(`^t[0-9]{0,3}$`)
)

// split returns the sort of facet that a token names, and the name behind it: ("t", ""), ("dp.", "openssl").
func (f *Facet) split() (sort, name string) { return splitToken(f.Token) }

func splitToken(token string) (sort, name string) {
	if tagBlock.MatchString(token) {
		return "t", ""
	}
	if _, plain := plainFacets[token]; plain {
		return token, ""
	}
	for prefix := range namedFacets {
		if name, ok := strings.CutPrefix(token, prefix); ok && name != "" {
			return prefix, name
		}
	}
	return "", ""
}

// alwaysOn are filters without a sheet, which lists of active filters may name.
var alwaysOn = []string{"sn", "cn", "pu", "ma", "ls"}

// facetTokens splits a list of active filters. The hyphen between tokens may be part of a name of software, too: what
// follows such a name and is no token belongs to it.
func facetTokens(list *string) ([]string, error) {
	if list == nil {
		return strings.Split(defaultFacets, "-"), nil
	}
	var tokens []string
	named := false // the last token goes on with a name
	for piece := range strings.SplitSeq(*list, "-") {
		sort, name := splitToken(piece)
		switch {
		case sort != "":
			tokens, named = append(tokens, piece), name != "" && sort != "ccs."
		case slices.Contains(alwaysOn, piece):
			named = false
		case named:
			tokens[len(tokens)-1] += "-" + piece
		default:
			return nil, fmt.Errorf("there is no filter %q", short(piece))
		}
	}
	for _, token := range tokens {
		if err := checkToken(token); err != nil {
			return nil, fmt.Errorf("%s: %w", short(token), err)
		}
	}
	return tokens, nil
}

// checkToken sees to the name behind a token, which has to be a text or the id of a check.
func checkToken(token string) error {
	sort, name := splitToken(token)
	switch {
	case len(token) > maxFilterText:
		return fmt.Errorf("more than %d bytes", maxFilterText)
	case !utf8.ValidString(token) || strings.ContainsRune(token, 0):
		return errors.New("not valid text")
	case sort == "ccs.":
		if id, err := strconv.ParseInt(name, 10, 64); err != nil || id < 1 || strconv.FormatInt(id, 10) != name {
			return fmt.Errorf("%q is not the id of a check", short(name))
		}
	}
	return nil
}

// facetValue returns a picked value in the form that the facet's own values have.
func facetValue(sort, text string) (string, error) {
	kind, named := namedFacets[sort]
	if !named {
		kind = plainFacets[sort]
	}
	if sort == "t" {
		kind = idNumber
	}
	if text == noValue || kind == anyText {
		return text, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || kind == idNumber && n < 1 {
		return "", fmt.Errorf("%q is not a valid number", short(text))
	}
	return strconv.FormatInt(n, 10), nil
}
