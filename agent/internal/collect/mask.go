// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"regexp"
	"slices"
	"strings"
)

// masked stands where a secret was.
const masked = "***"

// secretWords in the name of a setting make its value a secret, unless one of plainEndings follows.
var (
	secretWords = regexp.MustCompile(`(?i)passw|passphrase|passwd|pwd|secret|token|credential|cookie|` +
		`(?:api|access|private|account|encryption|signing|master|shared|storage|license)[._-]?key|authorization|pass$|auth$`)
	plainEndings = regexp.MustCompile(`(?i)(file|path|dir|folder|policy|ttl|timeout|length|type|provider|class|enabled|required)$`)
)

// namedValue is the name of a setting or an option and what stands between it and its value.
var namedValue = regexp.MustCompile(`([\w.-]*\w)("?'?\s*[=:]\s*|\s+)`)

// secretShapes give themselves away without a name.
var secretShapes = []struct {
	shape *regexp.Regexp
	with  string
}{
	{regexp.MustCompile(`(://[^\s/?#:@"']*:)[^\s"'@]*(@)`), "${1}" + masked + "${2}"},                                        // scheme://user:password@
	{regexp.MustCompile(`(?i)(\bhttps?://)[^\s/?#:@"']+(@)`), "${1}" + masked + "${2}"},                                      // https://token@
	{regexp.MustCompile(`(\bjdbc:oracle:\w+:[^\s/@"']+/)[^\s@"']+(@)`), "${1}" + masked + "${2}"},                            // user/password@
	{regexp.MustCompile(`(?i)\b(bearer|basic|digest|negotiate)(\s+)[\w.~+/=-]{6,}`), "${1}${2}" + masked},                    // Authorization
	{regexp.MustCompile(`(?i)((?:^|\s)(?:-u|--user|--proxy-user)[ =]?["']?[^\s:"'=-][^\s:"'/]*:)[^\s"']+`), "${1}" + masked}, // curl -u user:password
	{regexp.MustCompile(`(\b(?:mysql\w*|mariadb[\w-]*)\b[^|;&\n]*?\s-p)[^\s"'|;&]+`), "${1}" + masked},
	{regexp.MustCompile(`(\bsshpass\s+-p\s*)("[^"]*"|'[^']*'|\S+)`), "${1}" + masked},
	{regexp.MustCompile(`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`), masked},                                          // access key of AWS
	{regexp.MustCompile(`\b(?:gh[opsur]_|github_pat_|glpat-|xox[abeprs]-|[rs]k_live_)[\w-]{10,}`), masked}, // GitHub, GitLab, Slack, Stripe
	{regexp.MustCompile(`\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*`), masked},                                      // JSON Web Token
}

// maskSecrets replaces what looks like a password or a token in a command line or another text that people write:
// values of settings with a telling name, credentials of addresses, and tokens of well-known shape. It rather masks too
// much, and does not recognise everything: a secret without a name and shape stays.
func maskSecrets(text string) string {
	for _, s := range secretShapes {
		text = s.shape.ReplaceAllString(text, s.with)
	}
	var out strings.Builder
	rest := 0
	for at := 0; at < len(text); {
		m := namedValue.FindStringSubmatchIndex(text[at:])
		if m == nil {
			break
		}
		name, between, end := text[at+m[2]:at+m[3]], text[at+m[4]:at+m[5]], at+m[1]
		named := strings.ContainsAny(between, "=:")
		if !named && name[0] != '-' || !secretName(name) || !named && end < len(text) && text[end] == '-' {
			at = end
			continue
		}
		var quote byte // that began before the name
		if begin := at + m[2]; begin > 0 {
			quote = text[begin-1]
		}
		stop := end + valueLength(text[end:], quote)
		if stop > end {
			out.WriteString(text[rest:end])
			out.WriteString(masked)
			rest = stop
		}
		at = max(stop, end)
	}
	out.WriteString(text[rest:])
	return out.String()
}

// maskArguments is maskSecrets for the arguments of a program, whose ends are known. The slice is a new one.
func maskArguments(arguments []string) []string {
	out := slices.Clone(arguments)
	for i, argument := range arguments {
		name, _, named := strings.Cut(argument, "=")
		switch {
		case named && !strings.ContainsAny(name, " \t\n/") && secretName(name) && len(name)+1 < len(argument):
			out[i] = name + "=" + masked
		case i > 0 && !strings.HasPrefix(argument, "-") && bareOption(arguments[i-1]) && secretName(arguments[i-1]):
			out[i] = masked
		default:
			out[i] = maskSecrets(argument)
		}
	}
	return out
}

// bareOption tells whether an argument is the name of an option whose value is the next argument.
func bareOption(argument string) bool {
	return strings.HasPrefix(argument, "-") && !strings.ContainsAny(argument, "=: \t")
}

// secretName tells whether the value of a setting of this name is a secret.
func secretName(name string) bool {
	return secretWords.MatchString(name) && !plainEndings.MatchString(name)
}

// valueLength is how much of the text is the value at its begin: a quoted one with its quotes, or everything to the end
// of a quotation that the name was already in, or a word.
func valueLength(text string, quote byte) int {
	if text == "" {
		return 0
	}
	if q := text[0]; q == '"' || q == '\'' {
		return min(1+quotedLength(text[1:], q)+1, len(text))
	}
	if quote == '"' || quote == '\'' {
		return quotedLength(text, quote)
	}
	if n := strings.IndexAny(text, " \t\r\n\"'&;|,"); n >= 0 {
		return n
	}
	return len(text)
}

// quotedLength is where the quotation ends, before its quote; everything when it does not.
func quotedLength(text string, quote byte) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case quote:
			return i
		}
	}
	return len(text)
}
