// Package exposition writes metrics in the text format of Prometheus, version
// 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). The names
// of metrics and labels are the program's own and taken as they are; what comes
// from outside stands in label values, which are escaped.
package exposition

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ContentType is the media type of the format.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Kind is the type of a metric.
type Kind string

// The kinds. A counter only rises, and starts again at 0 with its process.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// Writer collects metrics. The zero value is empty and ready for use.
type Writer struct {
	text   bytes.Buffer
	family string
}

// Bytes returns what was written, a whole number of lines.
func (w *Writer) Bytes() []byte { return w.text.Bytes() }

// Family begins a metric. All its samples follow before the next one begins.
func (w *Writer) Family(name string, kind Kind, help string) {
	w.family = name
	help = strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(help)
	fmt.Fprintf(&w.text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// Sample writes a value of the metric that was begun last. Labels are names and
// values in turn.
func (w *Writer) Sample(value float64, labels ...string) {
	w.line(w.family, value, labels)
}

// Bucket is how many observations of a histogram are at most UpTo, in the
// metric's unit.
type Bucket struct {
	UpTo  float64
	Count uint64
}

// Distribution writes a histogram: its buckets, rising and each with all that is
// in those before it, the number of all observations, and their sum.
func (w *Writer) Distribution(buckets []Bucket, count uint64, sum float64, labels ...string) {
	bound := append(slices.Clip(labels), "le", "")
	last := len(bound) - 1
	for _, b := range buckets {
		bound[last] = number(b.UpTo)
		w.line(w.family+"_bucket", float64(b.Count), bound)
	}
	bound[last] = "+Inf"
	w.line(w.family+"_bucket", float64(count), bound)
	w.line(w.family+"_sum", sum, labels)
	w.line(w.family+"_count", float64(count), labels)
}

func (w *Writer) line(name string, value float64, labels []string) {
	w.text.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		w.text.WriteByte("{,"[min(i, 1)])
		fmt.Fprintf(&w.text, `%s="%s"`, labels[i], escape(labels[i+1]))
	}
	if len(labels) > 0 {
		w.text.WriteByte('}')
	}
	w.text.WriteByte(' ')
	w.text.WriteString(number(value))
	w.text.WriteByte('\n')
}

// escape makes a label value of any text.
func escape(value string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(value, "�"))
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
