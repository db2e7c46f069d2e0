package makefile

import (
	"context"
	"path"
	"slices"
	"strings"
)

// target is what rules say about one name.
type target struct {
	name      string
	needs     []string // prerequisites
	orderOnly []string
	recipes   []*recipe // of each rule; the last that has lines counts
	stem      string    // of a static pattern rule
	variables []boundAssignment
	named     bool // a rule has it as its target
	phony     bool
	double    bool
	poison    error // it is not known what rules say
}

// boundAssignment is an assignment for one target.
type boundAssignment struct {
	at place
	s  statement
}

// recipe is lines for the shell.
type recipe struct {
	at    place
	lines []recipeText
}

// recipeText is one line, not yet expanded.
type recipeText struct {
	at     place
	text   string
	poison error // it is not known whether the line is there
}

// pattern is a rule for all names that match one of several with a % in them.
type pattern struct {
	targets          []string
	needs, orderOnly []string
	recipe           *recipe
}

func (m *Make) target(name string) *target {
	name = plainName(name)
	t := m.rules[name]
	if t == nil {
		t = &target{name: name}
		m.rules[name] = t
	}
	return t
}

// ruled is target for one that a rule names: the first of them is the default.
func (m *Make) ruled(name string) *target {
	t := m.target(name)
	if !t.named {
		t.named = true
		m.order = append(m.order, t.name)
	}
	return t
}

// plainName leaves out the ./ before a name, as make does.
func plainName(name string) string {
	for strings.HasPrefix(name, "./") && len(name) > 2 {
		name = strings.TrimLeft(name[2:], "/")
	}
	return name
}

// mostTargets bounds what rules name.
const mostTargets = 20000

// state reads a rule: "targets: prerequisites | order-only", "targets: pattern:
// prerequisites" or "targets: NAME = value".
func (m *Make) state(ctx context.Context, at place, text string) error {
	left, right, found := cutOutside(text, ":")
	if !found {
		return unsupported(at, "this line is not understood")
	}
	right, double := strings.CutPrefix(right, ":")
	left, err := m.expand(ctx, at, left, nil)
	if err != nil {
		return err
	}
	if strings.HasSuffix(strings.TrimSpace(left), "&") || strings.ContainsAny(left, ":;=()") {
		return unsupported(at, "a rule of this form is not understood")
	}
	targets, err := m.words(ctx, at, left)
	if err != nil {
		return err
	}
	if s, ok := ownVariable(right); ok {
		return m.bind(at, targets, s)
	}
	rule, err := m.prerequisites(ctx, at, right)
	switch {
	case len(targets) == 0:
		m.current = []*recipe{{at: at}} // of nothing
		return err
	case err != nil:
		return m.poisonAll(targets, err)
	}
	if len(targets) > mostTargets || len(m.order) > mostTargets {
		return unsupported(at, "the makefile has too many targets")
	}
	rule.double = double
	return m.addRule(at, targets, rule)
}

// poisonAll keeps the reason why prerequisites are not known. The lines that
// follow go to a recipe that nobody runs.
func (m *Make) poisonAll(targets []string, reason error) error {
	m.current = []*recipe{{}}
	for _, name := range targets {
		if strings.Contains(name, "%") || strings.HasPrefix(name, ".") {
			return reason
		}
		m.ruled(name).poison = reason
	}
	return nil
}

// ownVariable reads what stands behind the colon as an assignment.
func ownVariable(text string) (statement, bool) {
	s := statement{kind: assigns}
	for {
		word, rest := firstWord(text)
		switch word {
		case "export":
			s.export, text = true, rest
			continue
		case "override":
			s.override, text = true, rest
			continue
		}
		break
	}
	at, op := operator(text)
	if op == "" || op == ":" || !isWord(text[:at]) {
		return s, false
	}
	s.name, s.op, s.text = strings.TrimSpace(text[:at]), strings.Replace(op, "::=", ":=", 1), strings.TrimLeft(text[at+len(op):], " \t")
	return s, true
}

func (m *Make) bind(at place, targets []string, s statement) error {
	m.current = nil
	for _, name := range targets {
		if strings.Contains(name, "%") {
			return unsupported(at, "variables of a pattern are not understood")
		}
		t := m.target(name)
		t.variables = append(t.variables, boundAssignment{at, s})
	}
	return nil
}

// stated is what stands behind the colon.
type stated struct {
	pattern          string // of a static pattern rule
	needs, orderOnly []string
	double           bool
}

func (m *Make) prerequisites(ctx context.Context, at place, text string) (stated, error) {
	var rule stated
	if pattern, rest, found := cutOutside(text, ":"); found {
		expanded, err := m.expand(ctx, at, pattern, nil)
		if err != nil {
			return rule, err
		}
		if rule.pattern = strings.TrimSpace(expanded); strings.Count(rule.pattern, "%") != 1 || !isWord(rule.pattern) {
			return rule, unsupported(at, "a rule of this form is not understood")
		}
		text = rest
	}
	text, err := m.expand(ctx, at, text, nil)
	if err != nil {
		return rule, err
	}
	if m.twice && strings.Contains(text, "$") {
		return rule, unsupported(at, "prerequisites that are expanded twice are not understood")
	}
	if strings.ContainsAny(text, ";:=()") {
		return rule, unsupported(at, "a rule of this form is not understood")
	}
	before, after, _ := strings.Cut(text, "|")
	if rule.needs, err = m.words(ctx, at, before); err == nil {
		rule.orderOnly, err = m.words(ctx, at, after)
	}
	return rule, err
}

// words splits a text, and puts files in the place of patterns.
func (m *Make) words(ctx context.Context, at place, text string) ([]string, error) {
	var all []string
	for word := range strings.FieldsSeq(text) {
		names, err := m.globbed(ctx, at, word)
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
	}
	return all, nil
}

// addRule keeps a rule. The lines with a tab that follow are its recipe.
func (m *Make) addRule(at place, targets []string, rule stated) error {
	m.current = nil
	if special := targets[0]; strings.HasPrefix(special, ".") && !strings.Contains(special, "/") && strings.ToUpper(special) == special {
		return m.special(at, special, rule)
	}
	r := &recipe{at: at}
	m.current = []*recipe{r}
	if strings.Contains(targets[0], "%") && rule.pattern == "" {
		if slices.ContainsFunc(targets, func(t string) bool { return strings.Count(t, "%") != 1 }) {
			return unsupported(at, "a rule of this form is not understood")
		}
		m.patterns = append(m.patterns, &pattern{targets: targets, needs: rule.needs, orderOnly: rule.orderOnly, recipe: r})
		return nil
	}
	for _, name := range targets {
		t := m.ruled(name)
		t.double = t.double || rule.double
		needs, orderOnly := rule.needs, rule.orderOnly
		if rule.pattern != "" {
			found, ok := stem(rule.pattern, name)
			if !ok {
				return unsupported(at, "%s does not match %s", name, rule.pattern)
			}
			t.stem = found
			needs, orderOnly = substituteAll(needs, found), substituteAll(orderOnly, found)
		}
		t.needs, t.orderOnly, t.recipes = append(t.needs, needs...), append(t.orderOnly, orderOnly...), append(t.recipes, r)
	}
	return nil
}

func substituteAll(patterns []string, stem string) []string {
	all := make([]string, len(patterns))
	for i, p := range patterns {
		all[i] = substitute(p, stem)
	}
	return all
}

// special reads the targets that tell make something.
func (m *Make) special(at place, name string, rule stated) error {
	switch name {
	case ".PHONY":
		for _, need := range rule.needs {
			m.target(need).phony = true
		}
	case ".EXPORT_ALL_VARIABLES":
		m.exportAll = true
	case ".ONESHELL":
		m.oneShell = true
	case ".SECONDEXPANSION":
		m.twice = true
	case ".POSIX":
		m.errexit = true
	case ".SILENT", ".SUFFIXES", ".DELETE_ON_ERROR", ".NOTPARALLEL", ".PRECIOUS", ".INTERMEDIATE", ".SECONDARY", ".LOW_RESOLUTION_TIME", ".NOTINTERMEDIATE", ".WAIT":
	default:
		return unsupported(at, "%s is not understood", name)
	}
	m.current = []*recipe{{at: at}} // of nothing
	return nil
}

// globbed returns the names that a word with a pattern means, or the word when
// it means none.
func (m *Make) globbed(ctx context.Context, at place, word string) ([]string, error) {
	if !strings.ContainsAny(word, "*?[") && !strings.HasPrefix(word, "~") {
		return []string{word}, nil
	}
	names, err := m.glob(ctx, at, word)
	if err == nil && len(names) == 0 {
		names = []string{word}
	}
	return names, err
}

// glob returns the names that a pattern means, sorted.
func (m *Make) glob(ctx context.Context, at place, pattern string) ([]string, error) {
	if strings.HasPrefix(pattern, "~") || strings.Contains(pattern, `\`) {
		return nil, unsupported(at, "the name %s is not understood", pattern)
	}
	prefixes := []string{""}
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		last := i == len(parts)-1
		var next []string
		for _, prefix := range prefixes {
			names, err := m.globIn(ctx, prefix, part, last)
			if err != nil {
				return nil, &UnsupportedError{Place: at.String(), Err: err}
			}
			next = append(next, names...)
		}
		prefixes = next
		if err := m.spend(at, 100*len(prefixes)); err != nil {
			return nil, err
		}
	}
	slices.Sort(prefixes)
	return prefixes, nil
}

// globIn extends a prefix, which is empty or ends in a slash, by one part of a
// pattern.
func (m *Make) globIn(ctx context.Context, prefix, part string, last bool) ([]string, error) {
	end := "/"
	if last {
		end = ""
	}
	if !strings.ContainsAny(part, "*?[") {
		name := prefix + part + end
		if !last {
			return []string{name}, nil // what lies behind it says whether it is there
		}
		entry, err := m.world.Look(ctx, name)
		if err != nil || !entry.Exists || part == "" && !entry.Dir {
			return nil, err
		}
		return []string{name}, nil
	}
	dir := prefix
	if dir == "" {
		dir = "."
	}
	inside, err := m.world.Names(ctx, dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, base := range inside {
		match, err := path.Match(strings.ReplaceAll(part, "[!", "[^"), base)
		if err != nil {
			return nil, err
		}
		if match && (base[0] != '.' || part[0] == '.') {
			names = append(names, prefix+base+end)
		}
	}
	return names, nil
}
