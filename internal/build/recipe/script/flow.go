package script

import (
	"bytes"
	"context"
	"regexp"

	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"
)

// binary runs a && b and a || b; in a rehearsal both.
func (s *Shell) binary(ctx context.Context, c *syntax.BinaryCmd) (int, error) {
	if c.Op != syntax.AndStmt && c.Op != syntax.OrStmt {
		return s.pipe(ctx, c)
	}
	before := s.printedSoFar()
	s.tested++
	status, err := s.stmt(ctx, c.X)
	s.tested--
	if err != nil {
		return status, err
	}
	if s.rehearsal() && c.Op == syntax.OrStmt {
		defer s.muted(before)()
	}
	if s.rehearsal() || (status == 0) == (c.Op == syntax.AndStmt) {
		return s.stmt(ctx, c.Y)
	}
	return status, nil
}

// printedSoFar is how much a rehearsal printed into $(…).
func (s *Shell) printedSoFar() int {
	if b, ok := s.out.(*bytes.Buffer); ok {
		return b.Len()
	}
	return 0
}

// muted drops, until it is undone, what a rehearsal prints on another way through
// the line than the one that printed already.
func (s *Shell) muted(before int) (undo func()) {
	out := s.out
	if s.printedSoFar() > before {
		s.out = &bytes.Buffer{}
	}
	return func() { s.out = out }
}

func (s *Shell) condition(ctx context.Context, stmts []*syntax.Stmt) (int, error) {
	s.tested++
	defer func() { s.tested-- }()
	return s.list(ctx, stmts)
}

// branch runs if; in a rehearsal all of its branches.
func (s *Shell) branch(ctx context.Context, c *syntax.IfClause) (int, error) {
	before := s.printedSoFar()
	for ; c != nil; c = c.Else {
		status, err := s.condition(ctx, c.Cond)
		if err != nil {
			return status, err
		}
		if !s.rehearsal() && status != 0 {
			continue
		}
		if s.rehearsal() {
			defer s.muted(before)()
		}
		status, err = s.list(ctx, c.Then)
		if err != nil || !s.rehearsal() {
			return status, err
		}
	}
	return 0, nil
}

// choose runs case; in a rehearsal all of its branches.
func (s *Shell) choose(ctx context.Context, c *syntax.CaseClause) (int, error) {
	word, err := s.literal(ctx, c.Word)
	if err != nil {
		return 0, err
	}
	for _, item := range c.Items {
		if item.Op != syntax.Break {
			return 0, refuse("case with %s is not understood", item.Op)
		}
		match, err := s.matches(ctx, item, word)
		if err != nil {
			return 0, err
		}
		if !s.rehearsal() && !match {
			continue
		}
		status, err := s.list(ctx, item.Stmts)
		if err = s.survive(err); err != nil || !s.rehearsal() {
			return status, err
		}
	}
	return 0, nil
}

// survive lets a rehearsal go on behind an exit in one of several branches.
func (s *Shell) survive(err error) error {
	if _, exit := err.(*exitError); exit && s.rehearsal() { //nolint:errorlint // nobody wraps it
		return nil
	}
	return err
}

func (s *Shell) matches(ctx context.Context, item *syntax.CaseItem, word string) (bool, error) {
	for _, p := range item.Patterns {
		text, err := s.pattern(ctx, p)
		if err != nil {
			return false, err
		}
		expr, err := pattern.Regexp(text, pattern.EntireString)
		if err != nil {
			return false, refuse("the pattern %q is not understood", text)
		}
		match, err := regexp.MatchString(expr, word)
		if err != nil {
			return false, refuse("the pattern %q is not understood", text)
		}
		if match {
			return true, nil
		}
	}
	return false, nil
}

// loop runs for NAME in words.
func (s *Shell) loop(ctx context.Context, c *syntax.ForClause) (int, error) {
	words, ok := c.Loop.(*syntax.WordIter)
	if !ok || c.Select {
		return 0, refuse("a loop of this form is not understood")
	}
	items, err := s.fields(ctx, words.Items)
	if err != nil {
		return 0, err
	}
	status := 0
	for _, item := range items {
		if err := s.assign(words.Name.Value, item, false); err != nil {
			return 0, err
		}
		if status, err = s.list(ctx, c.Do); err != nil {
			return status, err
		}
	}
	return status, nil
}
