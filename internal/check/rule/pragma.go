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
//	# davit global ignore=GO301
//
// and hadolint's, with its name in place of davit's. Without global they are
// for the instruction that they stand above or in.
type pragmas struct {
	global []string
	local  []ignored
}

// ignored are the codes that are switched off for the bytes of an instruction.
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

// readPragmas also reports the codes that do not exist. In hadolint's pragmas
// they may well be hadolint's.
func (s Set) readPragmas(f *dockerfile.File) (pragmas, []Report) {
	var out pragmas
	var strange []Report
	for _, token := range f.Tokens {
		if token.Kind != dockerfile.Comment {
			continue
		}
		pragma, ok := parsePragma(f.Source[token.Start:token.End])
		if !ok {
			continue
		}
		var codes []string
		for _, name := range pragma.names {
			code, known := s.canonical(name.text)
			if known {
				codes = append(codes, code)
			} else if pragma.ours {
				at := token.Start + name.at
				strange = append(strange, Report{
					At:      dockerfile.Span{Start: at, End: at + len(name.text)},
					Message: s.Unknown(name.text).Error(),
				})
			}
		}
		if pragma.global {
			out.global = append(out.global, codes...)
		} else if span, found := owner(f, token.Start); found {
			out.local = append(out.local, ignored{span, codes})
		}
	}
	return out, strange
}

// owner returns the instruction that a comment at an offset stands above or in.
func owner(f *dockerfile.File, offset int) (dockerfile.Span, bool) {
	i := sort.Search(len(f.Instructions), func(i int) bool { return f.Instructions[i].End > offset })
	if i == len(f.Instructions) {
		return dockerfile.Span{}, false
	}
	return f.Instructions[i].Whole(f), true
}

type pragma struct {
	ours   bool
	global bool
	names  []pragmaName
}

type pragmaName struct {
	at   int // in the comment
	text string
}

// parsePragma reads a comment, from its #.
func parsePragma(comment string) (pragma, bool) {
	head, list, found := strings.Cut(comment, "=")
	words := strings.Fields(strings.TrimPrefix(head, "#"))
	global := len(words) == 3 && words[1] == "global"
	if !found || (!global && len(words) != 2) || words[len(words)-1] != "ignore" {
		return pragma{}, false
	}
	p := pragma{ours: words[0] == "davit", global: global}
	if !p.ours && words[0] != "hadolint" {
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
