package compose

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// scalar finds where a scalar ends.
func (b *builder) scalar(n *Node, y *yaml.Node) {
	n.Text = y.Value
	s := b.file.Source
	var end int
	var found bool
	switch {
	case y.Style&yaml.DoubleQuotedStyle != 0:
		n.Style = Double
		end, found = quotedEnd(s, n.Start, '"')
	case y.Style&yaml.SingleQuotedStyle != 0:
		n.Style = Single
		end, found = quotedEnd(s, n.Start, '\'')
	case y.Style&yaml.LiteralStyle != 0:
		n.Style = Literal
		end, found = blockEnd(s, n.Start, '|', y.Value)
	case y.Style&yaml.FoldedStyle != 0:
		n.Style = Folded
		end, found = blockEnd(s, n.Start, '>', y.Value)
	default:
		end, found = plainEnd(s, n.Start, y.Value)
	}
	n.End = end
	b.hold(n, found)
	written := s[n.Start:max(n.End, n.Start)]
	if n.Style == Single || n.Style == Double {
		written = written[min(1, len(written)):max(len(written)-1, min(1, len(written)))]
	}
	n.literal = n.Exact && written == n.Text
}

// quotedEnd returns the offset after the quote that closes the one at an offset.
func quotedEnd(s string, start int, quote byte) (int, bool) {
	if start >= len(s) || s[start] != quote {
		return start, false
	}
	for i := start + 1; i < len(s); i++ {
		switch {
		case quote == '"' && s[i] == '\\':
			i++
		case s[i] != quote:
		case quote == '\'' && i+1 < len(s) && s[i+1] == quote:
			i++
		default:
			return i + 1, true
		}
	}
	return start, false
}

// plainEnd returns the offset after a scalar without quotes. Over several lines,
// a line end and the white space around it are a space of the value, and each
// empty line a line end.
func plainEnd(s string, start int, value string) (int, bool) {
	if strings.HasPrefix(s[start:], value) {
		return start + len(value), true
	}
	at := start
	for i := 0; i < len(value); {
		next, lines := skipFold(s, at)
		switch {
		case lines == 1 && value[i] == ' ':
			at, i = next, i+1
		case lines > 1 && strings.HasPrefix(value[i:], strings.Repeat("\n", lines-1)):
			at, i = next, i+lines-1
		case lines == 0 && at < len(s) && s[at] == value[i]:
			at, i = at+1, i+1
		default:
			return start, false
		}
	}
	return at, true
}

// skipFold passes over white space with line ends in it and counts those.
func skipFold(s string, at int) (end, lines int) {
	for at < len(s) {
		switch n := lineEnd(s, at); {
		case n > 0:
			at, lines = at+n, lines+1
		case s[at] == ' ' || s[at] == '\t':
			at++
		default:
			return at, lines
		}
	}
	return at, lines
}

// blockEnd returns the offset after the last line with text of a literal or
// folded scalar, without its line end: the lines after the first that are as
// far to the right as the first of them. When a digit says how far that is, the
// end is not looked for.
func blockEnd(s string, start int, sign byte, value string) (int, bool) {
	if start >= len(s) || s[start] != sign {
		return start, false
	}
	at := endOfLine(s, start)
	if strings.ContainsAny(s[start:min(start+3, at)], "123456789") {
		return start, false
	}
	end := start + len(strings.TrimRight(s[start:at], " \t"))
	if strings.Trim(value, "\n\u0085\u2028\u2029") == "" {
		return end, true
	}
	indent := -1
	for at < len(s) {
		at += lineEnd(s, at)
		next := endOfLine(s, at)
		text := strings.TrimLeft(s[at:next], " ")
		spaces := next - at - len(text)
		switch {
		case text == "" && (indent < 0 || spaces <= indent):
		case spaces < indent:
			return end, true
		default:
			if indent < 0 {
				indent = spaces
			}
			end = next
		}
		at = next
	}
	return end, true
}

func endOfLine(s string, at int) int {
	for at < len(s) && lineEnd(s, at) == 0 {
		at++
	}
	return at
}
