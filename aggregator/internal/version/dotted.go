// SPDX-License-Identifier: Apache-2.0

package version

import (
	"cmp"
	"strings"
)

// What Maven's order and the natural one share: a version is numbers and words, each behind a dot or behind anything
// else. Ranks of what comes next, oldest first:
//
//	words of pre-releases < nothing < words of later releases < other words < a number behind anything else < a number behind a dot
//
// so that 1-rc < 1 < 1-sp < 1-x < 1-1 < 1.1. Zeros at the end of a run of numbers count for nothing.
const (
	rankNothing = 0
	rankWord    = 1 << 8 // words without a rank of their own, by their letters
	rankJoined  = rankWord + 1
	rankDotted  = rankWord + 2
)

// words gives ranks to words in lower case: negative before nothing, positive behind it, and 0 to those that count for
// nothing. known is false for all others. numbered tells that a digit follows directly.
type words func(word string, numbered bool) (rank int, known bool)

// piece is a number or a word with its rank. Numbers of one rank compare by value, words by their letters in lower case.
type piece struct {
	rank int
	text string
}

// compareDotted compares piece by piece.
func compareDotted(a, b string, w words) int {
	var bufA, bufB [usualSegments]piece
	piecesA, piecesB := dotted(bufA[:0], a, w), dotted(bufB[:0], b, w)
	for i := range max(len(piecesA), len(piecesB)) {
		var pieceA, pieceB piece
		if i < len(piecesA) {
			pieceA = piecesA[i]
		}
		if i < len(piecesB) {
			pieceB = piecesB[i]
		}
		c := cmp.Compare(pieceA.rank, pieceB.rank)
		switch {
		case c != 0:
		case pieceA.rank > rankWord:
			c = compareNumbers(pieceA.text, pieceB.text)
		case pieceA.rank == rankWord:
			c = strings.Compare(pieceA.text, pieceB.text)
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// dotted cuts a version, in lower case, into its pieces. A number that it begins with counts as one behind a dot, one that
// follows a word directly as one behind something else. Nothing before a dot is a 0.
func dotted(pieces []piece, v string, w words) []piece {
	behindDot, empty, begun := true, true, false
	for v != "" {
		n := 1
		switch {
		case isDigit(v[0]):
			n = run(v, isDigit)
			rank := rankJoined
			if behindDot || !begun {
				rank = rankDotted
			} else {
				pieces = withoutNulls(pieces)
			}
			pieces = append(pieces, piece{rank, v[:n]})
			behindDot, empty, begun = false, false, true
		case isWord(v[0]):
			n = run(v, isWord)
			pieces = withoutNulls(pieces)
			numbered := n < len(v) && isDigit(v[n])
			rank, known := w(v[:n], numbered)
			switch {
			case !known:
				pieces = append(pieces, piece{rankWord, v[:n]})
			case rank != rankNothing:
				pieces = append(pieces, piece{rank, ""})
			}
			behindDot, empty, begun = false, false, begun || !known || rank != rankNothing
		default:
			if empty && v[0] == '.' {
				rank := rankJoined
				if behindDot {
					rank = rankDotted
				}
				pieces = append(pieces, piece{rank, "0"})
				begun = true
			}
			behindDot, empty = v[0] == '.', true
		}
		v = v[n:]
	}
	return withoutNulls(pieces)
}

// isWord says whether c is a letter; characters beyond ASCII count as letters.
func isWord(c byte) bool { return isLetter(c) || c >= 0x80 }

// withoutNulls cuts off the numbers at the end that are 0.
func withoutNulls(pieces []piece) []piece {
	n := len(pieces)
	for n > 0 && pieces[n-1].rank > rankWord && isZero(pieces[n-1].text) {
		n--
	}
	return pieces[:n]
}
