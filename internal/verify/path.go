package verify

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a path may consist of.
const (
	maxPath      = 1000 // bytes
	maxPathSteps = 64
)

// Path names one place in a JSON document: "$.orders[0].id" as text. It is the
// part of JSONPath (RFC 9535) that always means at most one value: names, names
// in quotes ("$['a.b']", with \' and \\ inside) and indexes from 0.
type Path struct {
	steps []step // none: the whole document
}

// step goes to a member, or to the index-th element when name is nil.
type step struct {
	name  *string
	index int
}

// ParsePath reads the text of a path.
func ParsePath(text string) (Path, error) {
	rest, found := strings.CutPrefix(text, "$")
	if !found || len(text) > maxPath || !utf8.ValidString(text) {
		return Path{}, fmt.Errorf("%s is not a path such as $.orders[0].id", excerpt(strconv.Quote(text)))
	}
	var p Path
	for rest != "" {
		s, after, err := parseStep(rest)
		if err != nil {
			return Path{}, fmt.Errorf("%q is not a path such as $.orders[0].id: at %q %w", text, rest, err)
		}
		if len(p.steps) == maxPathSteps {
			return Path{}, fmt.Errorf("%s has more than %d steps", excerpt(strconv.Quote(text)), maxPathSteps)
		}
		p.steps = append(p.steps, s)
		rest = after
	}
	return p, nil
}

func parseStep(text string) (s step, rest string, err error) {
	switch {
	case strings.HasPrefix(text, "."):
		return parseName(text[1:])
	case strings.HasPrefix(text, "['"):
		return parseQuoted(text[2:])
	case strings.HasPrefix(text, "["):
		return parseIndex(text[1:])
	default:
		return step{}, "", errors.New("neither .name nor [0] begins")
	}
}

func parseName(text string) (step, string, error) {
	end := strings.IndexFunc(text, func(r rune) bool { return !isNameRune(r) })
	if end < 0 {
		end = len(text)
	}
	if end == 0 {
		return step{}, "", errors.New("a name is missing (letters, digits, _ and -; others in ['…'])")
	}
	name := text[:end]
	return step{name: &name}, text[end:], nil
}

func isNameRune(r rune) bool {
	return r == '_' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

func parseQuoted(text string) (step, string, error) {
	var name strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && (text[i+1] == '\'' || text[i+1] == '\\'):
			i++
			name.WriteByte(text[i])
		case c == '\\':
			return step{}, "", errors.New(`a \ stands before something else than ' or \`)
		case c == '\'':
			rest, found := strings.CutPrefix(text[i+1:], "]")
			if !found {
				return step{}, "", errors.New("] is missing after the quoted name")
			}
			s := name.String()
			return step{name: &s}, rest, nil
		default:
			name.WriteByte(c)
		}
	}
	return step{}, "", errors.New("the quoted name does not end")
}

func parseIndex(text string) (step, string, error) {
	digits, rest, found := strings.Cut(text, "]")
	index, err := strconv.ParseUint(digits, 10, 31)
	if !found || err != nil {
		return step{}, "", errors.New("[ must be followed by an index from 0 or a quoted name, and ]")
	}
	return step{index: int(index)}, rest, nil
}

// String returns the text from which ParsePath makes the same path.
func (p Path) String() string {
	var b strings.Builder
	b.WriteByte('$')
	for _, s := range p.steps {
		switch {
		case s.name == nil:
			fmt.Fprintf(&b, "[%d]", s.index)
		case *s.name != "" && strings.IndexFunc(*s.name, func(r rune) bool { return !isNameRune(r) }) < 0:
			b.WriteString("." + *s.name)
		default:
			b.WriteString("['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(*s.name) + "']")
		}
	}
	return b.String()
}

// MarshalText implements encoding.TextMarshaler.
func (p Path) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Path) UnmarshalText(text []byte) error {
	parsed, err := ParsePath(string(text))
	if err != nil {
		return err
	}
	*p = parsed
	return nil
}

// Lookup returns the value at p, and whether there is one: null is a value.
func (p Path) Lookup(document Value) (Value, bool) {
	at := document.v
	for _, s := range p.steps {
		var found bool
		if at, found = s.descend(at); !found {
			return Value{}, false
		}
	}
	return Value{at}, true
}

func (s step) descend(at any) (any, bool) {
	if s.name != nil {
		object, _ := at.(map[string]any)
		value, found := object[*s.name]
		return value, found
	}
	list, _ := at.([]any)
	if s.index >= len(list) {
		return nil, false
	}
	return list[s.index], true
}
