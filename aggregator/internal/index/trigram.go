// SPDX-License-Identifier: Apache-2.0

package index

import "strings"

const (
	// maxSearched bounds how much of a text is compared, in bytes.
	maxSearched = 255
	// similarEnough is the least score of what is found.
	similarEnough = 0.35
	// buckets is the size of the table of a question's trigrams.
	buckets = 1 << 12
)

// trigrams are those of a question: three bytes in a row of a word in lower case, with two spaces before it and one
// behind. Texts are compared by walking through them: nothing is kept of them, so nothing has to be kept fresh.
type trigrams struct {
	text  string
	all   []uint32
	inner int            // how many of all have no space: every text that holds the question has those
	first [buckets]uint8 // index into all + 1; 0: none has this hash
	seen  []int          // by trigram: the last text that has it
	texts int
	of    []uint32 // the trigrams of the last text
}

func newTrigrams(text string) *trigrams {
	lower := strings.ToLower(text)
	q := &trigrams{text: lower[:min(len(lower), maxSearched-2)]}
	for _, t := range appendTrigrams(nil, q.text) {
		if q.find(t) >= 0 || len(q.all) == maxSearched {
			continue
		}
		q.all = append(q.all, t)
		if t>>16 != ' ' && t&0xff != ' ' {
			q.inner++
		}
		at := hash(t)
		for q.first[at] != 0 {
			at = (at + 1) % buckets
		}
		q.first[at] = uint8(len(q.all))
	}
	q.seen = make([]int, len(q.all))
	return q
}

func hash(t uint32) uint32 { return t * 2654435761 >> 20 }

// find returns where a trigram stands in all, -1 when it does not.
func (q *trigrams) find(t uint32) int {
	for at := hash(t); q.first[at] != 0; at = (at + 1) % buckets {
		if i := int(q.first[at]) - 1; q.all[i] == t {
			return i
		}
	}
	return -1
}

// score says how similar a text in lower case is: 1 is the same, 0 has nothing in common. Two thirds of it are how much
// of the question is found, one third how much else there is. A text that holds the question is above others.
func (q *trigrams) score(lower string) float64 {
	if lower == q.text {
		return 1
	}
	q.texts++
	q.of = appendTrigrams(q.of[:0], lower[:min(len(lower), maxSearched)])
	hits, total := 0, len(q.of)
	for _, t := range q.of {
		if q.first[hash(t)] == 0 {
			continue
		}
		if i := q.find(t); i >= 0 && q.seen[i] != q.texts {
			q.seen[i] = q.texts
			hits++
		}
	}
	if len(q.all) == 0 || total == 0 {
		return 0
	}
	found := float64(hits) / float64(len(q.all))
	common := float64(hits) / float64(len(q.all)+total-hits)
	score := (2*found + common) / 3
	if (hits >= q.inner || len(lower) > maxSearched) && strings.Contains(lower, q.text) {
		score = 0.8 + score/10
	}
	return min(score, 0.99)
}

// letters are the bytes of words; the others are spaces.
var letters = func() (of [256]byte) {
	for c := range of {
		of[c] = ' '
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80 {
			of[c] = byte(c)
		}
	}
	return of
}()

// appendTrigrams appends the trigrams of the words of a text.
func appendTrigrams(to []uint32, text string) []uint32 {
	const start = uint32(' ')<<8 | ' '
	window := start
	for i := range len(text) {
		c := letters[text[i]]
		if c != ' ' {
			to = append(to, window<<8|uint32(c))
			window = (window<<8 | uint32(c)) & 0xffff
		} else if window != start {
			to = append(to, window<<8|' ')
			window = start
		}
	}
	if window != start {
		to = append(to, window<<8|' ')
	}
	return to
}
