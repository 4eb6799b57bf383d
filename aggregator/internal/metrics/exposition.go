// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
)

// ContentType is that of the fleet's metrics: Prometheus's text format.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// family is a metric with its samples. All families of the fleet are gauges.
type family struct {
	name, help string
	labels     []string // beside the age
	samples    []sample
}

// sample is a combination of labels. It has a value, or one for each age.
type sample struct {
	labels []string
	value  int
	ages   index.Ages
	whole  string // combinations that are only of use together have the same text here; "": each stands for itself
}

// weight is what decides who is cut.
func (s *sample) weight() int { return max(s.value, s.ages.All()) }

// add counts what has the same labels as another sample in there.
func (f *family) add(samples []sample) {
	slices.SortFunc(samples, compareLabels)
	for _, s := range samples {
		if last := len(f.samples) - 1; last >= 0 && compareLabels(f.samples[last], s) == 0 {
			f.samples[last].ages.Add(s.ages)
			f.samples[last].value += s.value
			continue
		}
		f.samples = append(f.samples, s)
	}
}

func compareLabels(a, b sample) int { return slices.Compare(a.labels, b.labels) }

// cut leaves the most frequent combinations of labels, at most limit, and returns how many it took away. What is of use
// together counts once, and stays or goes together.
func (f *family) cut(limit int) int {
	if len(f.samples) <= limit {
		return 0
	}
	weights := map[string]int{}
	for i := range f.samples {
		weights[f.samples[i].key()] += f.samples[i].weight()
	}
	keys := slices.SortedFunc(maps.Keys(weights), func(a, b string) int { return cmp.Or(cmp.Compare(weights[b], weights[a]), cmp.Compare(a, b)) })
	for _, key := range keys[min(limit, len(keys)):] {
		delete(weights, key)
	}
	f.samples = slices.DeleteFunc(f.samples, func(s sample) bool { _, kept := weights[s.key()]; return !kept })
	return len(keys) - len(weights)
}

// key names what a sample is cut with.
func (s *sample) key() string {
	if s.whole != "" {
		return s.whole
	}
	return strings.Join(s.labels, "\x00")
}

// ageLabel is how a naming tells ages.
type ageLabel struct {
	name   string
	values [len(index.Ages{})]string
}

var (
	ageOfZentral  = ageLabel{"le", [...]string{"1", "7", "14", "30", "45", "90", "+Inf"}}
	ageOfRollcall = ageLabel{"seen_within", [...]string{"1d", "7d", "14d", "30d", "45d", "90d", "all"}}
)

// write appends the family; age is nil for one whose samples have a value.
func (f *family) write(out *bytes.Buffer, age *ageLabel) {
	out.WriteString("# HELP " + f.name + " " + f.help + "\n# TYPE " + f.name + " gauge\n")
	var line []byte
	for i := range f.samples {
		s := &f.samples[i]
		line = append(line[:0], f.name...)
		for n, label := range f.labels {
			line = appendLabel(line, n == 0, label, s.labels[n])
		}
		if age == nil {
			out.Write(appendValue(line, len(f.labels) > 0, s.value))
			continue
		}
		length := len(line)
		for n, count := range s.ages {
			line = appendLabel(line[:length], length == len(f.name), age.name, age.values[n])
			line = appendValue(line, true, count)
			out.Write(line)
		}
	}
}

func appendLabel(line []byte, first bool, name, value string) []byte {
	if first {
		line = append(line, '{')
	} else {
		line = append(line, ',')
	}
	line = append(append(line, name...), '=', '"')
	line = append(line, escape.Replace(value)...)
	return append(line, '"')
}

func appendValue(line []byte, labelled bool, value int) []byte {
	if labelled {
		line = append(line, '}')
	}
	return append(strconv.AppendInt(append(line, ' '), int64(value), 10), '\n')
}

// escape is what the text format wants of label values, which come from JSON and so are UTF-8.
var escape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
