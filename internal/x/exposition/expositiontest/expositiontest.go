// Package expositiontest reads metrics in the text format of Prometheus as
// strictly as promtool does, so that tests notice what a scraper would refuse.
package expositiontest

import (
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Samples are values by metric and labels as written: name{a="b"}.
type Samples map[string]float64

// Parse returns the samples of a text. The test fails when the text is not valid.
func Parse(tb testing.TB, text []byte) Samples {
	tb.Helper()
	samples, err := Check(string(text))
	if err != nil {
		tb.Fatalf("%v in:\n%s", err, text)
	}
	return samples
}

var (
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$`)
	labelPair  = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)`)
	headLine   = regexp.MustCompile(`^# (HELP|TYPE) ([a-z_:][a-z0-9_:]*) (.+)$`)
)

// reader is a text in the course of being read.
type reader struct {
	samples Samples
	kinds   map[string]string // by metric
	helped  map[string]bool
	current string // metric whose samples are being read
	rising  map[string]float64
}

// Check returns the samples of a text, or what is wrong with it: lines that are
// none, a metric without help or type or in two places, a sample that is there
// twice, a counter that is not called _total or is negative, and a histogram
// whose buckets fall or do not end with its count.
func Check(text string) (Samples, error) {
	if !strings.HasSuffix(text, "\n") {
		return nil, errors.New("the last line has no end")
	}
	r := reader{samples: Samples{}, kinds: map[string]string{}, helped: map[string]bool{}, rising: map[string]float64{}}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		read := r.sample
		if strings.HasPrefix(line, "#") {
			read = r.head
		}
		if err := read(line); err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", i+1, line, err)
		}
	}
	return r.samples, r.counts()
}

func (r *reader) head(line string) error {
	m := headLine.FindStringSubmatch(line)
	switch {
	case m == nil:
		return errors.New("it is neither HELP nor TYPE")
	case m[1] == "HELP" && r.helped[m[2]], m[1] == "TYPE" && r.kinds[m[2]] != "":
		return errors.New("the metric is there twice")
	case m[1] == "HELP":
		r.helped[m[2]] = true
		return nil
	}
	switch {
	case m[3] != "counter" && m[3] != "gauge" && m[3] != "histogram":
		return errors.New("there is no such type")
	case (m[3] == "counter") != strings.HasSuffix(m[2], "_total"):
		return errors.New("counters, and nothing else, are called _total")
	}
	r.kinds[m[2]], r.current = m[3], m[2]
	return nil
}

func (r *reader) sample(line string) error {
	m := sampleLine.FindStringSubmatch(line)
	if m == nil {
		return errors.New("it is not a sample")
	}
	value, err := strconv.ParseFloat(m[3], 64)
	if err != nil {
		return err
	}
	le, others, err := labels(m[2])
	if err != nil {
		return err
	}
	kind := r.kinds[r.current]
	name, suffix := m[1], ""
	if kind == "histogram" {
		suffix = strings.TrimPrefix(name, r.current)
		name = r.current
	}
	key, _, _ := strings.Cut(line, " "+m[3])
	_, twice := r.samples[key]
	switch {
	case name != r.current || !r.helped[name]:
		return errors.New("it does not follow the HELP and TYPE of its metric")
	case twice:
		return errors.New("it is there twice")
	case kind != "gauge" && (value < 0 || math.IsNaN(value)):
		return errors.New("it is negative or not a number")
	case !slices.Contains(suffixes(kind), suffix):
		return errors.New("a histogram has no such sample")
	case (suffix == "_bucket") != (le != ""):
		return errors.New("buckets, and nothing else, have a bound")
	}
	r.samples[key] = value
	if suffix == "_bucket" {
		return r.bucket(name+others, value)
	}
	return nil
}

// suffixes are what samples of a kind are called by beside the metric's name.
func suffixes(kind string) []string {
	if kind == "histogram" {
		return []string{"_bucket", "_sum", "_count"}
	}
	return []string{""}
}

// labels returns the label le, and the others as written.
func labels(text string) (le, others string, err error) {
	for rest := text; rest != ""; {
		m := labelPair.FindStringSubmatch(rest)
		if m == nil || strings.Contains(others, `,`+m[1]+`="`) {
			return "", "", fmt.Errorf("label at %q", rest)
		}
		if m[1] == "le" {
			le = m[2]
		} else {
			others += "," + m[1] + `="` + m[2] + `"`
		}
		rest = rest[len(m[0]):]
	}
	return le, others, nil
}

func (r *reader) bucket(key string, value float64) error {
	if value < r.rising[key] {
		return errors.New("the bucket has less than the one before it")
	}
	r.rising[key] = value
	return nil
}

// counts compares each histogram's count with its last bucket.
func (r *reader) counts() error {
	for key, value := range r.samples {
		name, rest, labeled := strings.Cut(key, "{")
		family, is := strings.CutSuffix(name, "_bucket")
		if !is || !strings.Contains(rest, `le="+Inf"`) {
			continue
		}
		others := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(rest, "}"), `le="+Inf"`), ",")
		count := family + "_count"
		if labeled && others != "" {
			count += "{" + others + "}"
		}
		if got, there := r.samples[count]; !there || got != value {
			return fmt.Errorf("%s is %v, its last bucket has %v", count, got, value)
		}
	}
	return nil
}

// Types returns the type of each metric in a text that is valid.
func Types(text []byte) map[string]string {
	types := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if m := headLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil && m[1] == "TYPE" {
			types[m[2]] = m[3]
		}
	}
	return types
}

var documented = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\|")

// Documented returns the type of each metric that a page describes in a table
// whose columns begin with its name and its type.
func Documented(tb testing.TB, page string) map[string]string {
	tb.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		tb.Fatal(err)
	}
	types := map[string]string{}
	for _, m := range documented.FindAllStringSubmatch(string(text), -1) {
		types[m[1]] = m[2]
	}
	if len(types) == 0 {
		tb.Fatalf("%s describes no metric", page)
	}
	return types
}
