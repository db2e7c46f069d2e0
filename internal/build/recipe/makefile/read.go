package makefile

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
)

// mostFiles bounds how many makefiles include each other.
const mostFiles = 50

// Read reads a makefile and those that it includes.
func (m *Make) Read(ctx context.Context, f *File) error {
	if len(m.files) >= mostFiles {
		return unsupported(place{f.Name, 1}, "too many makefiles include each other")
	}
	m.files = append(m.files, f.Name)
	m.current = nil
	return m.statements(ctx, f.Name, f.statements)
}

func (m *Make) statements(ctx context.Context, file string, all []statement) error {
	for _, s := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.execute(ctx, place{file, s.line}, s); err != nil {
			return err
		}
	}
	return nil
}

func (m *Make) execute(ctx context.Context, at place, s statement) error {
	if s.kind != recipeLine && s.kind != branches {
		m.current = nil
	}
	switch s.kind {
	case assigns:
		return m.assign(ctx, at, s, nil)
	case states:
		return m.state(ctx, at, s.text)
	case recipeLine:
		return m.addLine(at, s.text)
	case includes:
		return m.include(ctx, at, s)
	case exports, unexports:
		return m.export(ctx, at, s)
	case undefines:
		name, err := m.expand(ctx, at, s.text, nil)
		delete(m.variables, strings.TrimSpace(name))
		return err
	case branches:
		return m.branch(ctx, at, s)
	case expression:
		text, err := m.expand(ctx, at, s.text, nil)
		if err == nil && strings.TrimSpace(text) != "" {
			return m.line(ctx, at, text)
		}
		return err
	case foreign:
	}
	return unsupported(at, "%s", s.text)
}

// line executes a line that a variable came to.
func (m *Make) line(ctx context.Context, at place, text string) error {
	if _, op := operator(text); op != ":" || strings.Contains(text, "\n") {
		return unsupported(at, "a line that a variable comes to is not understood")
	}
	return m.state(ctx, at, strings.TrimSpace(text))
}

func (m *Make) addLine(at place, text string) error {
	if len(m.current) == 0 {
		return unsupported(at, "a line of a recipe without a target")
	}
	for _, r := range m.current {
		r.lines = append(r.lines, recipeText{at: at, text: text})
	}
	return nil
}

func (m *Make) include(ctx context.Context, at place, s statement) error {
	text, err := m.expand(ctx, at, s.text, nil)
	if err != nil {
		return err
	}
	for word := range strings.FieldsSeq(text) {
		names, err := m.globbed(ctx, at, word)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := m.includeOne(ctx, at, name, s.optional); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *Make) includeOne(ctx context.Context, at place, name string, optional bool) error {
	data, found, err := m.world.Read(ctx, name)
	switch {
	case err != nil:
		return &UnsupportedError{Place: at.String(), Err: err}
	case found:
	case m.options.Rehearsal && !optional:
		return unsupported(at, "%s is not in the build context", name)
	case optional:
		m.missing = append(m.missing, name)
		return nil
	default:
		return unsupported(at, "%s: not found", name)
	}
	f, err := Parse(name, data)
	if err != nil {
		return err
	}
	return m.Read(ctx, f)
}

func (m *Make) export(ctx context.Context, at place, s statement) error {
	text, err := m.expand(ctx, at, s.text, nil)
	if err != nil {
		return err
	}
	how := exported
	if s.kind == unexports {
		how = hidden
	}
	if strings.TrimSpace(text) == "" {
		m.exportAll = how == exported
		return nil
	}
	for name := range strings.FieldsSeq(text) {
		v := m.variables[name]
		if v == nil {
			v = &variable{from: fromFile}
			m.variables[name] = v
		}
		v.export = how
	}
	return nil
}

// branch executes the statements behind the first condition that holds. When
// that is not known, what any of them sets is not known either.
func (m *Make) branch(ctx context.Context, at place, s statement) error {
	for i, b := range s.branches {
		holds, err := m.holds(ctx, place{at.file, b.line}, b)
		if reason := (*UnsupportedError)(nil); errors.As(err, &reason) {
			return m.doubt(ctx, at.file, s.branches[i:], err)
		}
		if err != nil {
			return err
		}
		if holds {
			return m.statements(ctx, at.file, b.statements)
		}
	}
	return nil
}

func (m *Make) holds(ctx context.Context, at place, b branch) (bool, error) {
	switch b.word {
	case "":
		return true, nil
	case "ifdef", "ifndef":
		name, err := m.expand(ctx, at, b.text, nil)
		if err != nil {
			return false, err
		}
		v := m.variables[strings.TrimSpace(name)]
		if v != nil && v.poison != nil {
			return false, v.poison
		}
		return (v != nil && v.value != "") == (b.word == "ifdef"), nil
	}
	left, right, ok := operands(b.text)
	if !ok {
		return false, unsupported(at, "%s %s is not understood", b.word, b.text)
	}
	left, err := m.expand(ctx, at, left, nil)
	if err != nil {
		return false, err
	}
	right, err = m.expand(ctx, at, right, nil)
	return (left == right) == (b.word == "ifeq"), err
}

// operands splits (a,b), "a" "b" and 'a' 'b'.
func operands(text string) (left, right string, ok bool) {
	if strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") {
		left, right, ok = cutArgument(text[1 : len(text)-1])
		return strings.TrimRight(left, " \t"), strings.TrimLeft(right, " \t"), ok
	}
	var words []string
	for rest := text; rest != "" && len(words) < 3; {
		quote := rest[:1]
		if quote != `"` && quote != "'" {
			return "", "", false
		}
		word, after, found := cutOutside(rest[1:], quote)
		if !found {
			return "", "", false
		}
		words, rest = append(words, word), strings.TrimSpace(after)
	}
	if len(words) != 2 {
		return "", "", false
	}
	return words[0], words[1], true
}

// doubt marks everything that some branches set as not known, because of a
// condition that is not known.
func (m *Make) doubt(ctx context.Context, file string, all []branch, reason error) error {
	for _, b := range all {
		for _, s := range b.statements {
			at := place{file, s.line}
			switch s.kind {
			case assigns:
				name, err := m.expand(ctx, at, s.name, nil)
				if err != nil {
					return err
				}
				m.variables[name] = &variable{from: fromFile, poison: reason, export: unsaid}
			case branches:
				if err := m.doubt(ctx, file, s.branches, reason); err != nil {
					return err
				}
			case states:
				m.doubtRule(ctx, at, s.text, reason)
			case recipeLine:
				for _, r := range m.current {
					r.lines = append(r.lines, recipeText{at: at, poison: reason})
				}
			default:
				return reason
			}
		}
	}
	return nil
}

// doubtRule marks the targets of a rule that may not count.
func (m *Make) doubtRule(ctx context.Context, at place, text string, reason error) {
	left, _, _ := cutOutside(text, ":")
	names, err := m.expand(ctx, at, left, nil)
	if err != nil || strings.Contains(names, "%") {
		m.doubtful = reason
		return
	}
	for name := range strings.FieldsSeq(names) {
		m.ruled(name).poison = reason
	}
}

// exports are the variables that commands get, beside the environment of make.
// Those without a known value are in the second map, with the reason.
func (m *Make) exports(ctx context.Context, in *scope) (map[string]string, map[string]error, error) {
	values, unknown := map[string]string{}, map[string]error{}
	names := map[string]bool{}
	for s := in; s != nil; s = s.outer {
		for name := range s.variables {
			names[name] = true
		}
	}
	for name := range m.variables {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !m.isExported(name, m.lookup(name, in)) {
			continue
		}
		value, err := m.value(ctx, place{m.files[0], 1}, name, in)
		if reason := (*UnsupportedError)(nil); errors.As(err, &reason) {
			unknown[name] = err
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		values[name] = value
	}
	return values, unknown, nil
}

// isExported tells whether commands get a variable that differs from what is in
// the environment of make.
func (m *Make) isExported(name string, v *variable) bool {
	if v.from == automatic || v.from == fromEnvironment && v.poison == nil {
		return false
	}
	return v.export == exported || m.exportAll && v.export == unsaid && v.from != fromDefault && isShellName(name)
}

func isShellName(name string) bool {
	for i, c := range name {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
