package rule

import (
	"slices"
	"sort"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// pragmas are the comments of a Dockerfile that switch rules off:
//
//	# davit ignore=DL3020,GO111 -- why
//	# davit stage ignore=DL3002
//	# davit global ignore=GO301
//
// and hadolint's, with its name in place of davit's. Without another word they
// are for the instruction that they stand above or in. Those for a stage stand
// above its FROM, or hold from where they are up to the next one. BuildKit's
// are in directive.go.
type pragmas struct {
	global  []string
	local   []ignored
	enabled []string // codes of rules that are off without it
	strict  []string // codes whose findings are errors
}

// ignored are the codes that are switched off for a part of the file.
type ignored struct {
	dockerfile.Span
	codes []string
}

func (p pragmas) ignores(code string, offset int) bool {
	if slices.Contains(p.global, code) {
		return true
	}
	return slices.ContainsFunc(p.local, func(i ignored) bool {
		return i.Start <= offset && offset <= i.End && slices.Contains(i.codes, code)
	})
}

// readPragmas also reports the codes that do not exist. In other tools' pragmas
// they may well be theirs.
func (s Set) readPragmas(f *dockerfile.File) (pragmas, []Report) {
	var out pragmas
	var strange []Report
	for _, d := range f.Directives {
		if d.Name == "check" {
			s.directive(d.Value, &out, &out.global)
		}
	}
	for _, token := range f.Tokens {
		if token.Kind != dockerfile.Comment {
			continue
		}
		comment := f.Source[token.Start:token.End]
		pragma, ok := parsePragma(comment)
		if !ok {
			s.localDirective(f, token.Start, comment, &out)
			continue
		}
		codes, unknown := s.named(pragma, token.Start)
		strange = append(strange, unknown...)
		if pragma.scope == "global" {
			out.global = append(out.global, codes...)
		} else if span, found := pragma.span(f, token.Start); found {
			out.local = append(out.local, ignored{span, codes})
		}
	}
	return out, strange
}

// named returns the codes that a pragma names, and what to say of its names that
// are none.
func (s Set) named(p pragma, at int) (codes []string, strange []Report) {
	for _, name := range p.names {
		found := s.codes(name.text)
		codes = append(codes, found...)
		if len(found) == 0 && p.ours {
			start := at + name.at
			strange = append(strange, Report{
				At:      dockerfile.Span{Start: start, End: start + len(name.text)},
				Message: s.Unknown(name.text).Error(),
			})
		}
	}
	return codes, strange
}

// span returns the part of the file that a pragma at an offset is for.
func (p pragma) span(f *dockerfile.File, offset int) (dockerfile.Span, bool) {
	if p.scope != "stage" {
		return owner(f, offset)
	}
	i := following(f, offset)
	if i < len(f.Instructions) && f.Instructions[i].Name == "FROM" {
		i++
	}
	for ; i < len(f.Instructions); i++ {
		if f.Instructions[i].Name == "FROM" {
			return dockerfile.Span{Start: offset, End: f.Instructions[i].Start - 1}, true
		}
	}
	return dockerfile.Span{Start: offset, End: len(f.Source)}, true
}

// owner returns the instruction that a comment at an offset stands above or in.
func owner(f *dockerfile.File, offset int) (dockerfile.Span, bool) {
	i := following(f, offset)
	if i == len(f.Instructions) {
		return dockerfile.Span{}, false
	}
	return f.Instructions[i].Whole(f), true
}

// following returns the index of the first instruction that ends after an offset.
func following(f *dockerfile.File, offset int) int {
	return sort.Search(len(f.Instructions), func(i int) bool { return f.Instructions[i].End > offset })
}

// pragma is a comment that ignores findings.
type pragma struct {
	ours  bool
	scope string // global, stage, or empty
	names []pragmaName
}

type pragmaName struct {
	at   int // in the comment
	text string
}

// IsPragma says whether a comment, from its #, ignores findings, in davit's words
// or in hadolint's.
func IsPragma(comment string) bool {
	_, ok := parsePragma(comment)
	return ok
}

// parsePragma reads a comment, from its #.
func parsePragma(comment string) (pragma, bool) {
	head, list, found := strings.Cut(comment, "=")
	if !found || !strings.Contains(head, "ignore") {
		return pragma{}, false
	}
	p, ok := pragmaHead(strings.Fields(strings.TrimPrefix(head, "#")))
	if !ok {
		return pragma{}, false
	}
	at := len(head) + 1
	for item := range strings.SplitSeq(list, ",") {
		fields := strings.Fields(item)
		if len(fields) > 0 {
			p.names = append(p.names, pragmaName{at + strings.Index(item, fields[0]), fields[0]})
		}
		if len(fields) != 1 { // what follows is the reason
			break
		}
		at += len(item) + 1
	}
	return p, true
}

// pragmaHead reads the words before the equals sign.
func pragmaHead(words []string) (pragma, bool) {
	p := pragma{}
	if len(words) == 3 && (words[1] == "global" || words[1] == "stage") {
		p.scope = words[1]
		words = slices.Delete(words, 1, 2)
	}
	if len(words) != 2 || words[1] != "ignore" || words[0] != "davit" && words[0] != "hadolint" {
		return pragma{}, false
	}
	p.ours = words[0] == "davit"
	return p, true
}
