package makefile

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// Bounds of what a makefile may come to.
const (
	mostNesting = 100     // variables inside variables
	mostSpent   = 8 << 20 // bytes that are expanded in one run
)

// expand puts the variables and functions of a text in.
func (m *Make) expand(ctx context.Context, at place, text string, in *scope) (string, error) {
	if !strings.Contains(text, "$") {
		return text, m.spend(at, len(text))
	}
	if m.nested++; m.nested > mostNesting {
		m.nested--
		return "", unsupported(at, "variables name each other too often: does one contain itself?")
	}
	defer func() { m.nested-- }()
	var out strings.Builder
	for i := 0; i < len(text); {
		if text[i] != '$' {
			next := strings.IndexByte(text[i:], '$')
			if next < 0 {
				next = len(text) - i
			}
			out.WriteString(text[i : i+next])
			i += next
			continue
		}
		end := skip(text, i)
		if end > len(text) {
			return "", unsupported(at, "%q is not closed", text[i:])
		}
		value, err := m.reference(ctx, at, text[i:end], in)
		if err != nil {
			return "", err
		}
		out.WriteString(value)
		i = end
	}
	return out.String(), m.spend(at, out.Len())
}

func (m *Make) spend(at place, bytes int) error {
	if m.spent += bytes + 1; m.spent > mostSpent {
		return unsupported(at, "the makefile comes to more than %d bytes", mostSpent)
	}
	return nil
}

// reference expands what begins with a dollar: $$, $x, $(…) or ${…}.
func (m *Make) reference(ctx context.Context, at place, text string, in *scope) (string, error) {
	switch {
	case text == "$":
		return "", nil
	case text == "$$":
		return "$", nil
	case text[1] != '(' && text[1] != '{':
		return m.value(ctx, at, text[1:], in)
	}
	inner := text[2 : len(text)-1]
	if word, rest := firstWord(inner); rest != "" || word != inner {
		if f, known := functions()[word]; known && strings.HasPrefix(inner, word) {
			c := call{Make: m, at: at, in: in, name: word}
			return c.run(ctx, f, strings.TrimLeft(inner[len(word):], " \t"))
		}
	}
	if name, change, found := cutOutside(inner, ":"); found {
		if from, to, found := cutOutside(change, "="); found {
			return m.changed(ctx, at, []string{name, from, to}, in)
		}
	}
	name, err := m.expand(ctx, at, inner, in)
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(name, " \t") {
		return "", nil // no variable has such a name
	}
	if strings.ContainsAny(name, ":,") {
		return "", unsupported(at, "$(%s) is not understood", name)
	}
	return m.value(ctx, at, name, in)
}

// changed is $(NAME:from=to).
func (m *Make) changed(ctx context.Context, at place, parts []string, in *scope) (string, error) {
	for i := range parts {
		var err error
		if parts[i], err = m.expand(ctx, at, parts[i], in); err != nil {
			return "", err
		}
	}
	value, err := m.value(ctx, at, parts[0], in)
	if err != nil {
		return "", err
	}
	from, to := parts[1], parts[2]
	if !strings.Contains(from, "%") {
		from, to = "%"+from, "%"+to
	}
	return eachWord(value, func(word string) (string, bool) { return patsubst(from, to, word), true }), nil
}

// eachWord puts another word in the place of each, or none.
func eachWord(text string, change func(word string) (string, bool)) string {
	var words []string
	for word := range strings.FieldsSeq(text) {
		if changed, keep := change(word); keep {
			words = append(words, changed)
		}
	}
	return strings.Join(words, " ")
}

// shell runs a command of $(shell …).
func (m *Make) shell(ctx context.Context, at place, command string) (string, error) {
	line := Line{Place: at.String(), Text: command}
	var err error
	if line.Shell, err = m.value(ctx, at, "SHELL", nil); err == nil {
		line.Flags, err = m.value(ctx, at, ".SHELLFLAGS", nil)
	}
	if err != nil {
		return "", err
	}
	if name := m.shownTo(command); name != "" {
		return "", unsupported(at, "$(shell …) that may look at %s is not the same in each make", name)
	}
	printed, err := m.world.Shell(ctx, line)
	if err != nil {
		return "", &UnsupportedError{Place: at.String(), Err: err}
	}
	return strings.ReplaceAll(strings.TrimRight(printed, "\n"), "\n", " "), m.spend(at, len(printed))
}

// shownTo returns a variable that the makefile exports and that a command may
// look at. Make shows it to $(shell …) since 4.4 only.
func (m *Make) shownTo(command string) string {
	for _, name := range slices.Sorted(maps.Keys(m.variables)) {
		v := m.variables[name]
		if v.export != exported || v.from == fromEnvironment {
			continue
		}
		toGo := strings.HasPrefix(name, "GO") && strings.Contains(command, "go ")
		if toGo || strings.Contains(command, "$"+name) || strings.Contains(command, "${"+name) {
			return name
		}
	}
	return ""
}
