package compose

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// mostErrors bounds what is said about one file.
const mostErrors = 20

// builder makes nodes of what the YAML parser gives, and finds where they end.
// The parser says where they begin, in lines and characters. Nodes come in the
// order of the file, so that the source is gone over once.
type builder struct {
	file  *File
	nodes map[*yaml.Node]*Node // those that aliases stand for

	line, column, offset int // a place that was found, the first two counted from 1
}

// seek returns the offset of a line and a column.
func (b *builder) seek(line, column int) int {
	s := b.file.Source
	if line < b.line || line == b.line && column < b.column {
		b.line, b.column, b.offset = 1, 1, len(bom(s))
	}
	for b.offset < len(s) && (b.line < line || b.line == line && b.column < column) {
		if n := lineEnd(s, b.offset); n > 0 {
			if b.line == line {
				break
			}
			b.line, b.column, b.offset = b.line+1, 1, b.offset+n
			continue
		}
		_, n := utf8.DecodeRuneInString(s[b.offset:])
		b.column, b.offset = b.column+1, b.offset+n
	}
	return b.offset
}

func bom(s string) string {
	if strings.HasPrefix(s, "\ufeff") {
		return s[:len("\ufeff")]
	}
	return ""
}

// lineEnd returns how many bytes the line end at an offset has, as the parser
// sees it (YAML 1.1, "Line Break Characters"); none when there is none.
func lineEnd(s string, at int) int {
	rest := s[at:]
	switch {
	case strings.HasPrefix(rest, "\r\n"):
		return 2
	case rest[0] == '\n', rest[0] == '\r':
		return 1
	case strings.HasPrefix(rest, "\u0085"):
		return 2
	case strings.HasPrefix(rest, "\u2028"), strings.HasPrefix(rest, "\u2029"):
		return 3
	}
	return 0
}

func (b *builder) node(y *yaml.Node) *Node {
	at := b.seek(y.Line, y.Column)
	n := &Node{Tag: y.Tag, Exact: true, Whole: Span{at, at}}
	b.nodes[y] = n
	n.Start = b.properties(y, at)
	switch y.Kind {
	case yaml.AliasNode:
		b.alias(n, y)
	case yaml.MappingNode:
		b.mapping(n, y)
	case yaml.SequenceNode:
		b.sequence(n, y)
	case yaml.ScalarNode, yaml.DocumentNode:
		b.scalar(n, y)
	}
	n.End = max(n.End, n.Start)
	n.Whole.End = n.End
	return n
}

// properties passes over the anchor and the tag of a node.
func (b *builder) properties(y *yaml.Node, at int) int {
	count := 0
	if y.Anchor != "" {
		count++
	}
	if y.Style&yaml.TaggedStyle != 0 {
		count++
	}
	s := b.file.Source
	empty := y.Kind == yaml.ScalarNode && y.Value == "" && y.Style&^yaml.TaggedStyle == 0
	for ; count > 0 && at < len(s) && (s[at] == '&' || s[at] == '!'); count-- {
		at += wordLength(s[at:])
		if after := skipBlank(s, at); after < len(s) && !empty {
			at = after
		}
	}
	return at
}

// wordLength returns how long the anchor or tag is that s begins with.
func wordLength(s string) int {
	n := 0
	for n < len(s) && !strings.ContainsRune(" \t,]}", rune(s[n])) && lineEnd(s, n) == 0 {
		n++
	}
	return n
}

func (b *builder) alias(n *Node, y *yaml.Node) {
	n.End = n.Start + 1 + len(y.Value)
	if target := b.nodes[y.Alias]; target != nil {
		n.Alias, n.Kind, n.Text, n.Tag = target, target.Kind, target.Text, target.Tag
		if y.Alias.Kind == yaml.MappingNode { // an alias in what it stands for: not yet filled
			n.Kind = Mapping
		}
	}
	b.hold(n, strings.HasPrefix(b.file.Source[n.Start:], "*"+y.Value))
}

func (b *builder) mapping(n *Node, y *yaml.Node) {
	n.Kind = Mapping
	first := map[string]int{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		p := Pair{Key: b.node(y.Content[i]), Value: b.node(y.Content[i+1])}
		n.Pairs = append(n.Pairs, p)
		if line, twice := first[p.Key.Text]; twice && p.Key.Kind == Scalar && p.Key.Text != "<<" {
			b.file.fail(p.Key.Span, fmt.Sprintf("the key %q stands twice in one mapping, first in line %d", p.Key.Text, line))
		} else {
			first[p.Key.Text] = y.Content[i].Line
		}
	}
	var last *Node
	if len(n.Pairs) > 0 {
		last = n.Pairs[len(n.Pairs)-1].Value
	}
	b.collection(n, y, last, '{', '}')
	if !n.Flow && len(n.Pairs) > 0 {
		n.Start = n.Pairs[0].Key.Whole.Start
	}
}

func (b *builder) sequence(n *Node, y *yaml.Node) {
	n.Kind = Sequence
	for _, item := range y.Content {
		n.Items = append(n.Items, b.node(item))
	}
	var last *Node
	if len(n.Items) > 0 {
		last = n.Items[len(n.Items)-1]
	}
	b.collection(n, y, last, '[', ']')
}

// collection finds the end of a mapping or a sequence: that of its last value,
// or the bracket after it. A pair in a flow sequence is a mapping without
// brackets.
func (b *builder) collection(n *Node, y *yaml.Node, last *Node, open, closed byte) {
	s := b.file.Source
	n.End = n.Start
	if last != nil {
		n.End = last.Whole.End
	}
	n.Flow = y.Style&yaml.FlowStyle != 0
	if !n.Flow || n.Start >= len(s) || s[n.Start] != open {
		return
	}
	at := max(n.End, n.Start+1)
	for at = skipBlank(s, at); at < len(s) && (s[at] == ',' || s[at] == ':'); {
		at = skipBlank(s, at+1)
	}
	if b.hold(n, at < len(s) && s[at] == closed); n.Exact {
		n.End = at + 1
	}
}

// skipBlank passes over white space, line ends and comments.
func skipBlank(s string, at int) int {
	for at < len(s) {
		switch n := lineEnd(s, at); {
		case n > 0:
			at += n
		case s[at] == ' ' || s[at] == '\t':
			at++
		case s[at] == '#':
			for at < len(s) && lineEnd(s, at) == 0 {
				at++
			}
		default:
			return at
		}
	}
	return at
}

// hold keeps a node from being written over when what is at its place is not
// what was expected there.
func (b *builder) hold(n *Node, expected bool) {
	if !expected {
		n.Exact = false
		n.End = n.Start
	}
}
