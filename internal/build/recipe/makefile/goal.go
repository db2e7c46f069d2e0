package makefile

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// outcome is what became of a target.
type outcome int

const (
	unknown  outcome = iota
	underway         // its prerequisites are being made
	kept             // it was right as it was
	remade           // it was made, or counts as if it had been
)

// Goals are the targets that make was asked for.
func (m *Make) Goals(ctx context.Context) ([]string, error) {
	if len(m.options.Targets) > 0 {
		return m.options.Targets, nil
	}
	chosen, err := m.value(ctx, place{m.files[0], 1}, ".DEFAULT_GOAL", nil)
	if err != nil {
		return nil, err
	}
	if words := strings.Fields(chosen); len(words) > 0 {
		return words, nil
	}
	for _, name := range m.order {
		if !strings.HasPrefix(name, ".") || strings.Contains(name, "/") {
			return []string{name}, nil
		}
	}
	return nil, &FailedError{Text: "make: no targets"}
}

// Run makes the goals, as far as they are not right already.
func (m *Make) Run(ctx context.Context) error {
	goals, err := m.Goals(ctx)
	if err != nil {
		return err
	}
	if err := m.remakesItself(ctx); err != nil {
		return err
	}
	for _, goal := range goals {
		if _, err := m.update(ctx, plainName(goal), nil); err != nil {
			return err
		}
	}
	return nil
}

// remakesItself refuses makefiles that rules of theirs make anew.
func (m *Make) remakesItself(ctx context.Context) error {
	for _, name := range slices.Concat(m.files, m.missing) {
		t := m.rules[plainName(name)]
		if t != nil && (t.poison != nil || !t.phony && (t.recipe() != nil || len(t.needs) > 0)) {
			return &UnsupportedError{Place: name, Err: errors.New("a rule makes this makefile anew")}
		}
		for _, p := range m.patterns {
			for _, text := range p.targets {
				if _, _, ok := stemOfFile(text, plainName(name)); ok && len(p.recipe.lines) > 0 {
					return &UnsupportedError{Place: p.recipe.at.String(), Err: errors.New("the rule " + text + " is also about makefiles")}
				}
			}
		}
	}
	return ctx.Err()
}

// recipe returns the lines that make the target, nil when no rule has some.
func (t *target) recipe() *recipe {
	for _, r := range slices.Backward(t.recipes) {
		if len(r.lines) > 0 {
			return r
		}
	}
	return nil
}

// update makes a target and all that it needs.
func (m *Make) update(ctx context.Context, name string, outer *scope) (outcome, error) {
	switch done := m.updated[name]; done {
	case underway:
		return done, &UnsupportedError{Err: errors.New(name + " needs itself")}
	case kept, remade:
		return done, nil
	case unknown:
	}
	if err := ctx.Err(); err != nil {
		return unknown, context.Cause(ctx)
	}
	j, err := m.job(ctx, name, outer)
	if err != nil {
		return unknown, err
	}
	m.updated[name] = underway
	done, err := m.work(ctx, j)
	m.updated[name] = done
	return done, err
}

// job is a target with all that is known about how to make it.
type job struct {
	name             string
	needs, orderOnly []string
	recipe           *recipe
	stem             string
	phony            bool
	known            bool // a rule is about it
	in               *scope
	depth            int
}

// mostDepth bounds chains of targets that need each other.
const mostDepth = 500

func (m *Make) job(ctx context.Context, name string, outer *scope) (*job, error) {
	j := &job{name: name, in: &scope{outer: outer, variables: map[string]*variable{}}}
	for s := outer; s != nil; s = s.outer {
		j.depth++
	}
	if j.depth > mostDepth {
		return nil, &UnsupportedError{Err: errors.New("targets need each other too often")}
	}
	t := m.rules[name]
	if t != nil {
		switch {
		case t.poison != nil:
			return nil, t.poison
		case t.double:
			return nil, &UnsupportedError{Err: errors.New(name + ": rules with two colons are not understood")}
		}
		j.known, j.phony, j.recipe, j.stem = t.named || t.phony, t.phony, t.recipe(), t.stem
		j.needs, j.orderOnly = slices.Clone(t.needs), slices.Clone(t.orderOnly)
		for _, b := range t.variables {
			if err := m.assign(ctx, b.at, b.s, j.in); err != nil {
				return nil, err
			}
		}
	}
	if j.recipe == nil && !j.phony {
		return j, m.imply(ctx, j)
	}
	return j, nil
}

// imply finds the pattern rule for a target without a recipe of its own.
func (m *Make) imply(ctx context.Context, j *job) error {
	if m.doubtful != nil {
		return m.doubtful
	}
	var best *pattern
	bestStem, bestDir := "", ""
	for _, p := range m.patterns {
		for _, text := range p.targets {
			dir, found, ok := stemOfFile(text, j.name)
			if !ok || found == "" || len(p.recipe.lines) == 0 {
				continue
			}
			applies, err := m.applies(ctx, p, dir, found)
			if err != nil {
				return err
			}
			if applies && (best == nil || len(found) < len(bestStem)) {
				best, bestStem, bestDir = p, found, dir
			}
		}
	}
	if best == nil {
		return m.noneBuiltIn(ctx, j)
	}
	j.known, j.recipe, j.stem = true, best.recipe, bestDir+bestStem
	j.needs = append(j.needs, inFolder(best.needs, bestDir, bestStem)...)
	j.orderOnly = append(j.orderOnly, inFolder(best.orderOnly, bestDir, bestStem)...)
	return nil
}

// inFolder puts a stem into patterns, and a folder before those that have it.
func inFolder(patterns []string, dir, stem string) []string {
	all := substituteAll(patterns, stem)
	for i, p := range patterns {
		if strings.Contains(p, "%") {
			all[i] = dir + all[i]
		}
	}
	return all
}

// applies tells whether what a pattern rule needs is there or is made by a rule
// that names it.
func (m *Make) applies(ctx context.Context, p *pattern, dir, stem string) (bool, error) {
	for _, need := range append(inFolder(p.needs, dir, stem), inFolder(p.orderOnly, dir, stem)...) {
		if t := m.rules[plainName(need)]; t != nil && (t.named || t.phony) {
			continue
		}
		entry, err := m.look(ctx, need)
		if err != nil {
			return false, err
		}
		if entry.Exists {
			continue
		}
		for _, other := range m.patterns {
			for _, text := range other.targets {
				if _, _, ok := stemOfFile(text, need); ok {
					return false, &UnsupportedError{Place: p.recipe.at.String(), Err: errors.New("a pattern rule that needs another one is not understood")}
				}
			}
		}
		return false, nil
	}
	return true, nil
}

// noneBuiltIn refuses targets for which make itself knows a recipe: from a file
// of the same name in another language (make's manual, "Catalogue of Built-In Rules").
func (m *Make) noneBuiltIn(ctx context.Context, j *job) error {
	for _, suffix := range []string{".c", ".cc", ".C", ".cpp", ".p", ".f", ".F", ".r", ".m", ".s", ".S", ".mod", ".sh", ".o", ".y", ".l", ".w", ".web", ".tex", ".texinfo", ".texi", ".txinfo", ",v"} {
		entry, err := m.look(ctx, j.name+suffix)
		if err != nil {
			return err
		}
		if entry.Exists {
			return &UnsupportedError{Err: errors.New(j.name + " is made from " + j.name + suffix + " by a rule of make's own")}
		}
	}
	return nil
}

func (m *Make) look(ctx context.Context, name string) (Entry, error) {
	entry, err := m.world.Look(ctx, name)
	if err != nil {
		return entry, &UnsupportedError{Err: err}
	}
	return entry, nil
}
