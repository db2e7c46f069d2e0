package dockerfile

import (
	"strings"
	"unicode"
)

// Heredoc is a document that stands in the lines after an instruction.
type Heredoc struct {
	Span        // the lines of the document, without the line that ends it
	End    Span // the line that ends it, with its line end
	Name   string
	Quoted bool // variables in it are not put in
	Tabs   bool // tabs at the beginning of its lines do not count: <<-
	Word   Text // <<EOF as it stands in the instruction
}

// heredocs takes the documents that an instruction announces.
func (s *scanner) heredocs(text Text) []Heredoc {
	docs := announced(text)
	for i := range docs {
		doc := &docs[i]
		doc.Start, doc.Span.End = s.pos, len(s.file.Source)
		doc.End = Span{len(s.file.Source), len(s.file.Source)}
		if !s.body(doc) {
			s.file.fail(doc.Word.Span(), "the heredoc "+doc.Name+" has no end")
		}
		s.token(HeredocBody, doc.Start, doc.Span.End)
		s.token(HeredocEnd, doc.End.Start, doc.End.End)
	}
	return docs
}

func (s *scanner) body(doc *Heredoc) bool {
	for s.pos < len(s.file.Source) {
		l := s.next()
		content := s.file.Source[l.start:l.content]
		if doc.Tabs {
			content = strings.TrimLeft(content, "\t")
		}
		if content == doc.Name {
			doc.Span.End = l.start
			doc.End = Span{l.start, l.end}
			return true
		}
	}
	return false
}

// announced finds the words that announce heredocs. In a text whose quotes do
// not match BuildKit finds none.
func announced(text Text) []Heredoc {
	var docs []Heredoc
	words, ok := shellWords(text)
	if !ok {
		return nil
	}
	for _, word := range words {
		if doc, ok := announcement(word); ok {
			docs = append(docs, doc)
		}
	}
	return docs
}

// announcement reads [n]<<[-]NAME.
func announcement(word Text) (Heredoc, bool) {
	rest := strings.TrimLeft(word.s, "0123456789")
	rest, found := strings.CutPrefix(rest, "<<")
	if !found {
		return Heredoc{}, false
	}
	rest, tabs := strings.CutPrefix(rest, "-")
	rest = strings.TrimLeft(rest, "\t\n\f\r ")
	if rest == "" || strings.Contains(rest, "<") {
		return Heredoc{}, false
	}
	name := Expand(word.Slice(word.Len()-len(rest), word.Len()), '\\', nil)
	return Heredoc{
		Name:   name.s,
		Tabs:   tabs,
		Quoted: strings.ContainsAny(rest, `'"`),
		Word:   word,
	}, name.s != ""
}

// shellWords splits at white space outside quotes; it fails on a quote or a
// brace without its partner.
func shellWords(t Text) ([]Text, bool) {
	var words []Text
	start := -1
	for i := 0; i < len(t.s); {
		r, size := decode(t.s[i:])
		if unicode.IsSpace(r) {
			if start >= 0 {
				words = append(words, t.Slice(start, i))
			}
			start = -1
			i += size
			continue
		}
		if start < 0 {
			start = i
		}
		n := atom(t.s[i:], size)
		if n == 0 {
			return nil, false
		}
		i += n
	}
	if start >= 0 {
		words = append(words, t.Slice(start, len(t.s)))
	}
	return words, true
}

// atom returns how many bytes belong together at the beginning of s: a quoted
// part, an escaped character, a variable in braces, or one character of the
// given size. It returns 0 when the part has no end.
func atom(s string, size int) int {
	switch s[0] {
	case '\\':
		_, next := decode(s[1:])
		return 1 + next
	case '\'':
		if i := strings.IndexByte(s[1:], '\''); i >= 0 {
			return i + 2
		}
		return 0
	case '"':
		for i := 1; i < len(s); i++ {
			switch s[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		return 0
	case '<':
		if strings.HasPrefix(s, "<<") { // white space may follow
			return len(s) - len(strings.TrimLeft(s[2:], " \t\r\n"))
		}
	case '$':
		if strings.HasPrefix(s, "${") {
			return strings.IndexByte(s, '}') + 1
		}
	}
	return size
}
