// SPDX-License-Identifier: Apache-2.0

package version

import (
	"strings"

	"pgregory.net/rapid"
)

// generators draw versions that an order accepts, from few pieces, so that many are nearly the same. The name is a kind
// of that order.
var generators = map[string]*rapid.Generator[string]{
	"apk_packages":      rapid.Custom(drawAPK),
	"deb_packages":      rapid.Custom(drawDeb),
	"gem_packages":      rapid.Custom(drawGem),
	"go_binaries":       rapid.Custom(drawGo),
	"java_components":   rapid.Custom(drawMaven),
	"npm_packages":      rapid.Custom(drawSemantic),
	"pacman_packages":   rapid.Custom(drawPacman),
	"program_instances": rapid.Custom(drawNatural),
	"python_packages":   rapid.Custom(drawPython),
	"rpm_packages":      rapid.Custom(drawRPM),
}

var (
	numbers    = []string{"0", "1", "2", "9", "10", "11", "20240115", "18446744073709551616", "18446744073709551617"}
	zeroed     = append([]string{"00", "01", "010", "001"}, numbers...)
	hexadecims = []string{"0", "a1b2", "ff", "deadbeef"}
)

// nearby draws a version that differs from v by one edit, or v itself where that makes none.
func nearby(t *rapid.T, kind, v string) string {
	at := rapid.IntRange(0, len(v)-1).Draw(t, "at")
	end := rapid.IntRange(at, min(at+3, len(v))).Draw(t, "end")
	edited := v[:at] + one(t, "", "0", "1", "10", "a", "~", "-", ".", ".0", "rc", "_", v[at:end]+v[at:end]) + v[end:]
	if Check(kind, edited) != nil {
		return v
	}
	return edited
}

// one draws one of the words.
func one(t *rapid.T, words ...string) string { return rapid.SampledFrom(words).Draw(t, "word") }

// maybe draws "" or what draw does, one as often as the other.
func maybe(t *rapid.T, draw func() string) string {
	if rapid.Bool().Draw(t, "there") {
		return draw()
	}
	return ""
}

// some draws up to n times and joins.
func some(t *rapid.T, n int, draw func() string) string {
	var b strings.Builder
	for range rapid.IntRange(0, n).Draw(t, "times") {
		b.WriteString(draw())
	}
	return b.String()
}

func drawDeb(t *rapid.T) string {
	part := func(separators ...string) string {
		pieces := append(separators, "1", "0", "01", "10", "a", "b", "A", "rc", "18446744073709551616")
		return some(t, 5, func() string { return one(t, pieces...) })
	}
	epoch := maybe(t, func() string { return one(t, "0:", "1:", "00:", "10:") })
	upstream := one(t, zeroed...) + part(".", "+", "~", "~~")
	if epoch != "" {
		upstream += maybe(t, func() string { return ":" + part(".") })
	}
	return epoch + upstream + maybe(t, func() string { return "-" + one(t, "0", "1", "~", "+b") + part(".", "+", "~") })
}

func drawRPM(t *rapid.T) string {
	part := func() string {
		pieces := []string{".", "_", "+", "~", "^", "1", "0", "01", "10", "a", "b", "A", "rc", "18446744073709551616"}
		return one(t, "1", "0", "a", "~", "^", ".", "10") + some(t, 5, func() string { return one(t, pieces...) })
	}
	return maybe(t, func() string { return one(t, "0:", "1:", "00:", "10:") }) + part() + maybe(t, func() string { return "-" + part() })
}

func drawPacman(t *rapid.T) string {
	part := func() string {
		pieces := []string{".", "_", "+", "..", "1", "0", "01", "10", "a", "b", "A", "rc", "18446744073709551616"}
		return some(t, 5, func() string { return one(t, pieces...) }) + one(t, "1", "0", "a", "10")
	}
	return maybe(t, func() string { return one(t, "0:", "1:", "10:") }) + part() + maybe(t, func() string { return "-" + part() })
}

func drawAPK(t *rapid.T) string {
	suffix := func() string {
		return "_" + one(t, "alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p") +
			maybe(t, func() string { return one(t, zeroed...) })
	}
	return one(t, zeroed...) + some(t, 3, func() string { return "." + one(t, zeroed...) }) +
		maybe(t, func() string { return one(t, "a", "b", "z") }) + some(t, 2, suffix) +
		maybe(t, func() string { return "~" + one(t, hexadecims...) }) +
		maybe(t, func() string { return "-r" + one(t, zeroed...) })
}

func drawPython(t *rapid.T) string {
	separator := func() string { return one(t, "", ".", "-", "_") }
	word := func(words ...string) func() string {
		return func() string {
			return separator() + one(t, words...) + maybe(t, func() string { return separator() + one(t, zeroed...) })
		}
	}
	local := func() string {
		pieces := append([]string{"a", "B", "ubuntu", "1a"}, zeroed...)
		return "+" + one(t, pieces...) + some(t, 2, func() string { return one(t, ".", "-", "_") + one(t, pieces...) })
	}
	return maybe(t, func() string { return one(t, "v", "0!", "1!") }) +
		one(t, zeroed...) + some(t, 3, func() string { return "." + one(t, zeroed...) }) +
		maybe(t, word("a", "alpha", "b", "beta", "c", "rc", "RC", "pre", "preview")) +
		maybe(t, word("post", "rev", "r")) + maybe(t, word("dev", "DEV")) + maybe(t, local)
}

func drawSemantic(t *rapid.T) string {
	identifiers := func(more ...string) func() string {
		pieces := append(more, append([]string{"a", "A", "alpha", "-", "1a", "a-1", "rc"}, numbers...)...)
		return func() string {
			return one(t, pieces...) + some(t, 2, func() string { return "." + one(t, pieces...) })
		}
	}
	return one(t, numbers...) + "." + one(t, numbers...) + "." + one(t, numbers...) +
		maybe(t, func() string { return "-" + identifiers()() }) +
		maybe(t, func() string { return "+" + identifiers("01")() })
}

func drawGo(t *rapid.T) string {
	return "v" + one(t, drawSemantic(t), one(t, numbers...), one(t, numbers...)+"."+one(t, numbers...))
}

func drawGem(t *rapid.T) string {
	pieces := append([]string{"a", "B", "pre", "rc1", "b2c"}, zeroed...)
	return one(t, zeroed...) + some(t, 4, func() string { return "." + one(t, pieces...) }) +
		maybe(t, func() string {
			return "-" + one(t, append(pieces, "-", "x-y")...) + some(t, 2, func() string { return "." + one(t, pieces...) })
		})
}

func drawMaven(t *rapid.T) string {
	pieces := append([]string{
		"a", "b", "m", "alpha", "BETA", "milestone", "rc", "cr", "SNAPSHOT", "sp", "ga", "final", "RELEASE", "jre", "x", "Android",
	}, zeroed...)
	return one(t, "1", "0", "r1", "10") + some(t, 5, func() string { return one(t, "", ".", "-", "_", "..", ".-") + one(t, pieces...) })
}

func drawNatural(t *rapid.T) string {
	pieces := append([]string{
		"a", "b", "beta", "Alpha", "RC", "dev", "build", "version ", "é", "(", ")", "k", "zh",
	}, zeroed...)
	return one(t, "1", "0", "v1", "10", "Version 2") + some(t, 5, func() string { return one(t, "", ".", "-", "_", " ", " (", "..") + one(t, pieces...) })
}
