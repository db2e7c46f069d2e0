package compose_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check/compose"
)

// nodes returns all nodes that are written in a file.
func nodes(f *compose.File) []*compose.Node {
	var out []*compose.Node
	var walk func(n *compose.Node)
	walk = func(n *compose.Node) {
		out = append(out, n)
		for _, p := range n.Pairs {
			walk(p.Key)
			walk(p.Value)
		}
		for _, i := range n.Items {
			walk(i)
		}
	}
	for _, d := range f.Documents {
		walk(d)
	}
	return out
}

// shape writes the values of a file down without their places and quotes; at
// one node something else.
func shape(f *compose.File, at int, text string) string {
	var b strings.Builder
	for i, n := range nodes(f) {
		if i == at {
			fmt.Fprintf(&b, "%q ", text)
			continue
		}
		fmt.Fprintf(&b, "%d %q %d %d %v ", n.Kind, n.Text, len(n.Pairs), len(n.Items), n.Alias != nil)
	}
	return b.String()
}

// laws holds what every file must: spans are in the source, and what is written
// over an exact scalar changes that scalar and nothing else.
func laws(t *testing.T, source string) {
	t.Helper()
	f := compose.Parse(source)
	for i, n := range nodes(f) {
		for _, s := range []compose.Span{n.Span, n.Whole} {
			if s.Start < 0 || s.End < s.Start || s.End > len(source) {
				t.Fatalf("%q: span %+v of %q", source, s, n.Text)
			}
		}
		if n.Literally() && n.Style == compose.Plain && source[n.Start:n.End] != n.Text {
			t.Fatalf("%q: %q stands where %q should", source, source[n.Start:n.End], n.Text)
		}
		if i < 40 {
			overwrite(t, source, f, i, n)
		}
	}
	for _, e := range f.Errors {
		if e.Start < 0 || e.End < e.Start || e.End > len(source) {
			t.Fatalf("%q: error %+v", source, e)
		}
	}
	if again := compose.Parse(source); shape(again, -1, "") != shape(f, -1, "") {
		t.Fatalf("%q: read differently again", source)
	}
}

func overwrite(t *testing.T, source string, f *compose.File, i int, n *compose.Node) {
	t.Helper()
	if n.Kind != compose.Scalar || !n.Exact || n.Start == n.End || n.Style == compose.Literal || n.Style == compose.Folded || n.Alias != nil || f.Problem != nil {
		return
	}
	if n.Text == "<<" || strings.HasPrefix(n.Tag, "!") && n.Tag != "!!str" || n.Whole.Start != n.Start {
		return
	}
	text := `"edited"`
	if n.Style == compose.Plain {
		text = "edited"
	}
	changed := source[:n.Start] + text + source[n.End:]
	g := compose.Parse(changed)
	if g.Problem == nil && shape(g, i, "edited") != shape(f, i, "edited") {
		t.Fatalf("%q: writing over %q changed more:\n%s\n%s\n%s", source, n.Text, changed, shape(f, i, "edited"), shape(g, i, "edited"))
	}
	if g.Problem != nil && !strings.Contains(g.Problem.Error(), "twice") {
		t.Fatalf("%q: writing over %q broke it: %q: %v", source, n.Text, changed, g.Problem)
	}
}

func seeds() []string {
	return []string{
		"services:\n  web:\n    image: nginx:1.27 # comment\n    ports: [\"80:80\", 443:443]\n",
		"\ufeffservices:\r\n  wéb:\r\n    image: 'it''s'\r\n    command: \"a\\\"b\"\r\n",
		"x-base: &base\n  restart: always\n  environment: &env {A: b, ü: \"ö\", C}\nservices:\n  a:\n    <<: *base\n    image: a\n  b:\n    <<: [*base, {user: root}]\n",
		"services:\n  a:\n    command: >-\n      one\n      two\n\n    entrypoint: |2\n        x\n      y\n    image: a\n",
		"services:\n  a:\n    command: one\n      two\n\n      three\n    image: \"x\n      y\"\n",
		"services:\n  a: !override\n    image: !!str 5\n    ports: !reset []\n",
		"a: [b: c, ? d : e, [f], {g: [h, i, ], }]\n? k\n: v\n",
		"---\nservices: {}\n---\nservices:\n  a: {image: b}\n...\n",
		"services:\n  a:\n    image: &i nginx\n  b:\n    image: *i\n    ports: [*i ]\n",
		"a: &x [*x]\n", "a:\n- b\n-\n- c: d\n  e:\n", "", "# nothing\n", "- a\n", "a: b\na: c\n", "{{ if }}\nservices: {}\n", "a: {{ b }}\n",
		"a: \"\\\n  b\"\nc: 'd\n\n  e'\n", "a: b\u2028  c\nd: e\u0085f: g\n", "a:\tb\n", "'a' : |\n\n  x\n\n\nb: >+\n\n", "a: &b !!str c\nd: !!str &e f\n",
	}
}

func TestLaws(t *testing.T) {
	for _, s := range seeds() {
		laws(t, s)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) { laws(t, source) })
}

func TestSpans(t *testing.T) {
	for _, test := range []struct{ source, key, want string }{
		{"a: b c # d\n", "a", "b c"},
		{"ü: ö\na: \"é\"\n", "a", `"é"`},
		{"\ufeffa: b\n", "a", "b"},
		{"x: y\r\na: b\r\n", "a", "b"},
		{"a: [b, # c\n  d\n  ]\n", "a", "[b, # c\n  d\n  ]"},
		{"a: {b: }\n", "a", "{b: }"},
		{"a: {}\n", "a", "{}"},
		{"a:\n  - b\n  - c: d\n# e\n", "a", "- b\n  - c: d"},
		{"a: &x !!str b\n", "a", "b"},
		{"x: &x b\na: *x\n", "a", "*x"},
		{"a: &x\n  b: c\n", "a", "b: c"},
		{"a: |-\n  b\n   c\n\nd: e\n", "a", "|-\n  b\n   c"},
		{"a: b\n\n  c\nd: e\n", "a", "b\n\n  c"},
		{"a: 'b\n  ''c'\n", "a", "'b\n  ''c'"},
		{"a:\nb: c\n", "a", ""},
	} {
		f := compose.Parse(test.source)
		if f.Problem != nil {
			t.Fatalf("%q: %v", test.source, f.Problem)
		}
		n := f.Documents[0].Lookup(test.key)
		if got := test.source[n.Start:n.End]; got != test.want || !n.Exact {
			t.Errorf("%q: %q, exact %v; want %q", test.source, got, n.Exact, test.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{"services:\n  a:\n    image: b\n    image: c\n", `4:5: the key "image" stands twice in one mapping, first in line 3`},
		{"- a\n", "1:1: a compose file is a mapping with `services` in it"},
		{"a\xff: b\n", "1:1: the file is not UTF-8"},
		{"services:\n  a: [\n", "2:1: not YAML: did not find expected node content"},
		{"services:\n  {{ range . }}\n", ""},
		{"services:\n  a: *b\n", "1:1: not YAML: unknown anchor 'b' referenced"},
	} {
		got := ""
		if f := compose.Parse(test.source); len(f.Errors) > 0 {
			e := f.Errors[0]
			before := test.source[:e.Start]
			got = fmt.Sprintf("%d:%d: %s", strings.Count(before, "\n")+1, e.Start-strings.LastIndexByte(before, '\n'), e.Message)
		}
		if got != test.want {
			t.Errorf("%q: %s; want %s", test.source, got, test.want)
		}
	}
}

// TestBomb holds that merge keys cost no more than they should.
func TestBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("x0: &x0 {k0: v}\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&b, "x%d: &x%d\n  k%d: v\n  <<: [%s]\n", i, i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i-1), 10), ", "))
	}
	b.WriteString("services:\n")
	for i := range 20000 {
		fmt.Fprintf(&b, "  s%d: *x59\n", i)
	}
	f := compose.Parse(b.String())
	if f.Problem != nil {
		t.Error(f.Problem)
	}
}

// TestLarge holds that files are read up to a size, and refused above it.
func TestLarge(t *testing.T) {
	for name, unit := range map[string]string{
		"services": "  svc%d:\n    image: nginx:1.2\n    ports:\n      - \"80:80\"\n    environment:\n      - A=b\n    # comment\n    volumes: [a:/b, c:/d]\n",
		"one line": "s%d: {image: a, ports: ['80:80', 1]}, ",
	} {
		t.Run(name, func(t *testing.T) {
			for size, refused := range map[int]bool{1 << 20: false, 5 << 20: true} {
				f := compose.Parse(large(name == "one line", unit, size))
				if (f.Problem != nil) != refused || !refused && len(f.Services) < 5000 {
					t.Errorf("%d bytes: %v, %d services", size, f.Problem, len(f.Services))
				}
			}
		})
	}
}

func large(flow bool, unit string, size int) string {
	var b strings.Builder
	b.WriteString("services:\n")
	if flow {
		b.WriteString(" {")
	}
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, unit, i)
	}
	if flow {
		b.WriteString("}\n")
	}
	return b.String()
}
