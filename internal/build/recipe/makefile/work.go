package makefile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// work makes what a target needs and then the target.
func (m *Make) work(ctx context.Context, j *job) (outcome, error) {
	before, err := m.look(ctx, j.name)
	if err != nil {
		return unknown, err
	}
	if !before.Exists && !j.known {
		if m.options.Rehearsal && j.depth > 0 {
			return kept, nil
		}
		return unknown, &FailedError{Text: "make: no rule to make target " + j.name}
	}
	newer, err := m.workNeeds(ctx, j, before)
	if err != nil {
		return unknown, err
	}
	switch {
	case j.recipe == nil && (j.phony || !before.Exists):
		return remade, nil
	case j.recipe == nil && newer:
		return remade, nil
	case j.recipe == nil, before.Exists && !j.phony && !newer && !m.options.Remake:
		return kept, nil
	}
	return remade, m.cook(ctx, j)
}

// workNeeds makes the prerequisites, and tells whether one of them is newer than
// the target.
func (m *Make) workNeeds(ctx context.Context, j *job, before Entry) (newer bool, err error) {
	for _, need := range j.needs {
		done, err := m.update(ctx, plainName(need), j.in)
		if err != nil {
			return false, err
		}
		newer = newer || done == remade
		if newer || !before.Exists || j.phony {
			continue
		}
		entry, err := m.look(ctx, need)
		if err != nil {
			return false, err
		}
		if entry.Exists && entry.Age > before.Age && j.recipe != nil {
			return false, &UnsupportedError{Place: j.recipe.at.String(), Err: fmt.Errorf("whether %s is newer than %s is not known", need, j.name)}
		}
	}
	for _, need := range j.orderOnly {
		if _, err := m.update(ctx, plainName(need), j.in); err != nil {
			return false, err
		}
	}
	return newer, nil
}

// cook runs the recipe of a target. As in make, all its lines are expanded
// before the first one runs.
func (m *Make) cook(ctx context.Context, j *job) error {
	in := m.automatic(j)
	var lines []Line
	for _, text := range j.recipe.lines {
		if text.poison != nil {
			return text.poison
		}
		expanded, err := m.expand(ctx, text.at, text.text, in)
		if err != nil {
			return err
		}
		lines = append(lines, split(text.at, expanded)...)
	}
	if m.oneShell && len(lines) > 0 {
		for _, more := range lines[1:] {
			lines[0].Text += "\n" + more.Text
		}
		lines = lines[:1]
	}
	values, unknownValues, err := m.exports(ctx, in)
	if err != nil {
		return err
	}
	for i := range lines {
		if err := m.equip(ctx, &lines[i], in, values, unknownValues); err != nil {
			return err
		}
		if strings.TrimSpace(lines[i].Text) == "" {
			continue
		}
		if err := m.runner.Run(ctx, lines[i]); err != nil {
			return located(lines[i].Place, err)
		}
	}
	return nil
}

func located(at string, err error) error {
	if known := (*UnsupportedError)(nil); errors.As(err, &known) {
		return err
	}
	if known := (*FailedError)(nil); errors.As(err, &known) {
		return err
	}
	return &UnsupportedError{Place: at, Err: err}
}

// equip gives a line its environment and its shell.
func (m *Make) equip(ctx context.Context, line *Line, in *scope, values map[string]string, unknownValues map[string]error) error {
	for _, name := range slices.Sorted(maps.Keys(unknownValues)) {
		reason := unknownValues[name]
		if strings.Contains(line.Text, name) || strings.HasPrefix(name, "GO") || strings.HasPrefix(name, "CGO_") {
			return reason
		}
	}
	at := place{line.Place, 0}
	var err error
	line.Env = values
	if line.Shell, err = m.value(ctx, at, "SHELL", in); err == nil {
		line.Flags, err = m.value(ctx, at, ".SHELLFLAGS", in)
	}
	if m.errexit && line.Flags == "-c" {
		line.Flags = "-ec"
	}
	return err
}

// split takes the prefixes off the lines that a recipe's line came to.
func split(at place, text string) []Line {
	var lines []Line
	for rest, more := text, true; more; {
		var one string
		one, rest, more = cutLine(rest)
		line := Line{Place: at.String()}
		one = strings.TrimLeft(one, " \t")
		for one != "" && strings.IndexByte("@-+", one[0]) >= 0 {
			line.MayFail = line.MayFail || one[0] == '-'
			one = strings.TrimLeft(one[1:], " \t")
		}
		line.Text = one
		lines = append(lines, line)
	}
	return lines
}

// cutLine cuts at the first end of a line that no backslash stands before.
func cutLine(text string) (line, rest string, more bool) {
	for i := range len(text) {
		if text[i] == '\n' && !continues(text[:i]) {
			return text[:i], text[i+1:], true
		}
	}
	return text, "", false
}

// automatic is the scope of a recipe, with $@, $< and the like.
func (m *Make) automatic(j *job) *scope {
	in := &scope{outer: j.in, variables: map[string]*variable{}}
	var once []string
	for _, need := range j.needs {
		if need = plainName(need); !slices.Contains(once, need) {
			once = append(once, need)
		}
	}
	all := make([]string, len(j.needs))
	for i, need := range j.needs {
		all[i] = plainName(need)
	}
	values := map[string]string{
		"@": j.name, "<": at(all, 0), "^": strings.Join(once, " "), "+": strings.Join(all, " "),
		"*": j.stem, "|": strings.Join(j.orderOnly, " "),
	}
	for name, value := range values {
		in.variables[name] = &variable{value: value, from: automatic}
		if name == "*" && value == "" {
			in.variables[name].poison = &UnsupportedError{Err: errors.New("$* outside of a rule with a pattern is not understood")}
		}
		in.variables[name+"D"] = &variable{value: eachWord(value, func(w string) (string, bool) { return strings.TrimSuffix(folderOf(w), "/"), true }), from: automatic}
		in.variables[name+"F"] = &variable{value: eachWord(value, func(w string) (string, bool) { return path.Base(w), true }), from: automatic}
	}
	asked := &variable{from: automatic, poison: &UnsupportedError{Err: errors.New("$? asks which files are newer")}}
	in.variables["?"], in.variables["%"] = asked, &variable{from: automatic}
	return in
}

func folderOf(name string) string {
	if dir, _ := path.Split(name); dir != "" {
		return dir
	}
	return "."
}
