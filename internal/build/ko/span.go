package ko

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// span is where a text stands in YAML, from its first byte to the one after its
// last. With quotes, they are part of it.
type span struct {
	start, end int
	style      yaml.Style // one of the quoted, literal and folded styles, or 0
}

// write returns what to write for a text of printable ASCII without blanks.
func (s span) write(value string) string {
	switch s.style {
	case yaml.SingleQuotedStyle:
		return "'" + strings.ReplaceAll(value, "'", "''") + "'"
	case yaml.LiteralStyle, yaml.FoldedStyle:
		return value
	case yaml.DoubleQuotedStyle:
		return doubleQuoted(value)
	default:
		if isPlain(value) {
			return value
		}
		return doubleQuoted(value)
	}
}

func doubleQuoted(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

var plainText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/@:+~-]*[A-Za-z0-9]$`)

// isPlain tells whether a text means itself without quotes, also within [] and
// {} and before a colon. It may not when it looks like a number or a date.
func isPlain(value string) bool {
	if !plainText.MatchString(value) {
		return false
	}
	var n yaml.Node
	if err := yaml.Unmarshal([]byte("["+value+"]"), &n); err != nil {
		return false
	}
	list := n.Content[0].Content
	return len(list) == 1 && list[0].Kind == yaml.ScalarNode && list[0].ShortTag() == "!!str" && list[0].Value == value
}

// lines is a text with the offsets at which its lines begin.
type lines struct {
	data   []byte
	starts []int
}

// newLines splits data as YAML 1.1 does (https://yaml.org/spec/1.1/#id871136):
// at CR LF, CR, LF, NEL, LS and PS. A byte order mark at the start belongs to no
// line.
func newLines(data []byte) lines {
	l := lines{data: data, starts: []int{0}}
	if bytes.HasPrefix(data, []byte("\uFEFF")) {
		l.starts[0] = len("\uFEFF")
	}
	for i := 0; i < len(data); {
		n := breakAt(data[i:])
		if n == 0 {
			i++
			continue
		}
		i += n
		l.starts = append(l.starts, i)
	}
	return l
}

// breakAt returns the length of the line break that data begins with, 0 without
// one.
func breakAt(data []byte) int {
	for _, lineBreak := range []string{"\r\n", "\r", "\n", "\u0085", "\u2028", "\u2029"} {
		if bytes.HasPrefix(data, []byte(lineBreak)) {
			return len(lineBreak)
		}
	}
	return 0
}

// offset returns where a line and a column, in characters, are.
func (l lines) offset(line, column int) (int, bool) {
	if line < 1 || line > len(l.starts) {
		return 0, false
	}
	at := l.starts[line-1]
	for range column - 1 {
		if at >= len(l.data) {
			return 0, false
		}
		_, size := utf8.DecodeRune(l.data[at:])
		at += size
	}
	return at, at < len(l.data)
}

// locate finds the text of a node, which without blanks around it is written.
// It answers false rather than guess.
func (l lines) locate(n *yaml.Node, written string) (span, bool) {
	start, ok := l.offset(n.Line, n.Column)
	if !ok {
		return span{}, false
	}
	start = l.skipProperties(start)
	s := span{start: start, style: n.Style &^ (yaml.TaggedStyle | yaml.FlowStyle)}
	switch s.style {
	case yaml.DoubleQuotedStyle:
		s.end, ok = l.closing(start, '"')
	case yaml.SingleQuotedStyle:
		s.end, ok = l.closing(start, '\'')
	case yaml.LiteralStyle, yaml.FoldedStyle:
		s.start = l.block(start)
		s.end, ok = l.verbatim(s.start, written)
	default:
		s.end, ok = l.verbatim(start, written)
	}
	return s, ok
}

// verbatim returns the end of written, when that is what stands at start.
func (l lines) verbatim(start int, written string) (int, bool) {
	return start + len(written), bytes.HasPrefix(l.data[start:], []byte(written))
}

// closing returns where a quoted text ends that begins at start.
func (l lines) closing(start int, quote byte) (int, bool) {
	if start >= len(l.data) || l.data[start] != quote {
		return 0, false
	}
	for i := start + 1; i < len(l.data); i++ {
		switch {
		case l.data[i] == '\\' && quote == '"':
			i++
		case l.data[i] != quote:
		case quote == '\'' && i+1 < len(l.data) && l.data[i+1] == quote:
			i++
		default:
			return i + 1, true
		}
	}
	return 0, false
}

// block returns where the content of a literal or folded text begins: after the
// line with its indicator and the indentation.
func (l lines) block(start int) int {
	at := start
	for at < len(l.data) && breakAt(l.data[at:]) == 0 {
		at++
	}
	if at < len(l.data) {
		at += breakAt(l.data[at:])
	}
	for at < len(l.data) && l.data[at] == ' ' {
		at++
	}
	return at
}

// skipProperties goes past anchors and tags, with the blanks and comments after
// them.
func (l lines) skipProperties(at int) int {
	for at < len(l.data) && (l.data[at] == '&' || l.data[at] == '!') {
		for at < len(l.data) && !isBlank(l.data[at]) && breakAt(l.data[at:]) == 0 {
			at++
		}
		at = l.skipBlanks(at)
	}
	return at
}

func (l lines) skipBlanks(at int) int {
	for at < len(l.data) {
		switch n := breakAt(l.data[at:]); {
		case n > 0:
			at += n
		case isBlank(l.data[at]):
			at++
		case l.data[at] == '#':
			for at < len(l.data) && breakAt(l.data[at:]) == 0 {
				at++
			}
		default:
			return at
		}
	}
	return at
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' }
