package dockerfile

import (
	"fmt"
	"strings"
	"unicode"
)

const (
	byteOrderMark = "\uFEFF"
	blanks        = "\t\v\f\r " // what separates words in an instruction
)

// scanner cuts the source into tokens and instructions, line by line, as
// BuildKit's frontend/dockerfile/parser does.
type scanner struct {
	file       *File
	pos        int
	directives bool // whether parser directives may still follow
}

// line is a line of the source.
type line struct {
	start, end int // with the line end
	content    int // where the content ends and the line end begins
	text       int // where the first character stands that is not white space
}

func (s *scanner) scan() {
	if strings.HasPrefix(s.file.Source, byteOrderMark) {
		s.token(BOM, 0, len(byteOrderMark))
		s.pos = len(byteOrderMark)
	}
	for s.pos < len(s.file.Source) {
		l := s.next()
		switch {
		case l.text == l.content:
			s.directives = false
			s.token(Blank, l.start, l.content)
			s.token(Newline, l.content, l.end)
		case s.file.Source[l.text] == '#':
			s.comment(l)
		case len(s.file.Instructions) == mostInstructions:
			s.unread(l.start, fmt.Sprintf("there are more than %d instructions; what follows is not read", mostInstructions))
		default:
			s.directives = false
			s.instruction(l)
		}
	}
}

// unread leaves all from an offset on unread, and says why.
func (s *scanner) unread(from int, why string) {
	s.token(Unread, from, len(s.file.Source))
	s.pos = len(s.file.Source)
	s.file.fail(Span{from, from}, why)
}

// next takes a line.
func (s *scanner) next() line {
	src, l := s.file.Source, line{start: s.pos, end: len(s.file.Source)}
	if i := strings.IndexByte(src[s.pos:], '\n'); i >= 0 {
		l.end = s.pos + i + 1
	}
	content := strings.TrimRight(src[l.start:l.end], "\r\n")
	l.content = l.start + len(content)
	l.text = l.content - len(strings.TrimLeftFunc(content, unicode.IsSpace))
	s.pos = l.end
	return l
}

func (s *scanner) token(kind TokenKind, start, end int) {
	if start < end {
		s.file.Tokens = append(s.file.Tokens, Token{Span: Span{start, end}, Kind: kind})
	}
}

func (s *scanner) comment(l line) {
	kind := Comment
	if s.directives {
		s.directives = s.directive(l)
		if s.directives {
			kind = DirectiveLine
		}
	}
	s.token(Blank, l.start, l.text)
	s.token(kind, l.text, l.content)
	s.token(Newline, l.content, l.end)
}

// directive reads a parser directive. Only at the very top can there be any.
func (s *scanner) directive(l line) bool {
	text := strings.TrimLeftFunc(s.file.Source[l.text+1:l.content], unicode.IsSpace)
	key, value, found := strings.Cut(text, "=")
	key = strings.ToLower(strings.TrimRight(key, "\t\n\f\r "))
	if !found || value == "" || // white space is a value
		key != "syntax" && key != "escape" && key != "check" {
		return false
	}
	value = strings.Trim(value, "\t\n\f\r ")
	d := Directive{Span: Span{l.text, l.content}, Name: key, Value: value}
	for _, earlier := range s.file.Directives {
		if earlier.Name == key {
			s.file.fail(d.Span, "the parser directive "+key+" is there twice")
		}
	}
	s.file.Directives = append(s.file.Directives, d)
	if key != "escape" {
		return true
	}
	if value != "`" && value != `\` {
		s.file.fail(d.Span, "the escape character can be \\ or `, nothing else")
		return true
	}
	s.file.Escape = value[0]
	return true
}

// instruction takes an instruction with the lines that continue it and the
// heredocs that belong to it.
func (s *scanner) instruction(l line) {
	s.token(Blank, l.start, l.text)
	var text textBuilder
	start, goesOn := l.text, s.code(l, l.text, &text)
	for goesOn && s.pos < len(s.file.Source) {
		l = s.next()
		switch {
		case l.text == l.content:
			s.token(Blank, l.start, l.content)
			s.token(Newline, l.content, l.end)
		case s.file.Source[l.text] == '#':
			s.comment(l)
		default:
			goesOn = s.code(l, l.start, &text)
		}
	}
	s.file.assemble(text.text(start), s)
}

// code takes the part of an instruction that stands on one line and says
// whether the instruction goes on.
func (s *scanner) code(l line, from int, text *textBuilder) bool {
	content := s.file.Source[from:l.content]
	end, goesOn := continuation(content, s.file.Escape)
	text.add(content[:end], from)
	s.token(Code, from, from+end)
	if goesOn {
		s.token(Continuation, from+end, l.end)
		return true
	}
	s.token(Newline, l.content, l.end)
	return false
}

// continuation finds the escape character that ends a line. An escape
// character before it takes its meaning away.
func continuation(content string, escape byte) (end int, goesOn bool) {
	trimmed := strings.TrimRight(content, " \t")
	end = len(trimmed) - 1
	if end < 0 || trimmed[end] != escape || (end > 0 && trimmed[end-1] == escape) {
		return len(content), false
	}
	return end, true
}
