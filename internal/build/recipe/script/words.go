package script

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// fields expands words to arguments: variables, commands in $(…), patterns of
// file names.
func (s *Shell) fields(ctx context.Context, words []*syntax.Word) ([]string, error) {
	for _, w := range words {
		if err := s.sane(w); err != nil {
			return nil, err
		}
	}
	args, err := expand.Fields(s.expansion(ctx), words...)
	return args, s.expandError(err)
}

// literal expands a word to one text.
func (s *Shell) literal(ctx context.Context, word *syntax.Word) (string, error) {
	if word == nil {
		return "", nil
	}
	if err := s.sane(word); err != nil {
		return "", err
	}
	text, err := expand.Literal(s.expansion(ctx), word)
	return text, s.expandError(err)
}

// document expands the lines of a heredoc.
func (s *Shell) document(ctx context.Context, word *syntax.Word) (string, error) {
	text, err := expand.Document(s.expansion(ctx), word)
	return text, s.expandError(err)
}

func (s *Shell) pattern(ctx context.Context, word *syntax.Word) (string, error) {
	if err := s.sane(word); err != nil {
		return "", err
	}
	text, err := expand.Pattern(s.expansion(ctx), word)
	return text, s.expandError(err)
}

// sane refuses what shells read in different ways, or what asks this machine.
func (s *Shell) sane(word *syntax.Word) error {
	for i, part := range word.Parts {
		lit, ok := part.(*syntax.Lit)
		if !ok {
			continue
		}
		if i == 0 && len(lit.Value) > 1 && lit.Value[0] == '~' && lit.Value[1] != '/' {
			return refuse("the home folder of another user (%s) is not understood", lit.Value)
		}
	}
	again := *word // SplitBraces changes what it gets
	if !s.Bash && syntax.SplitBraces(&again) {
		return refuse("braces with several words are not understood: a POSIX shell knows none")
	}
	return nil
}

func (s *Shell) expandError(err error) error {
	if err == nil {
		return nil
	}
	for _, kind := range []any{new(*RefusalError), new(*exitError)} {
		if errors.As(err, kind) {
			return err
		}
	}
	if isOrdinary(err) || isUnset(err) {
		s.said = err.Error()
		return &exitError{1}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return refuse("%v", err)
}

func isUnset(err error) bool {
	unset := expand.UnsetParameterError{}
	pointer := &expand.UnsetParameterError{}
	return errors.As(err, &unset) || errors.As(err, &pointer)
}

func (s *Shell) expansion(ctx context.Context) *expand.Config {
	c := &expand.Config{
		Env:      environ{s},
		NoUnset:  s.nounset && !s.rehearsal(),
		CmdSubst: func(w io.Writer, sub *syntax.CmdSubst) error { return s.substitute(ctx, w, sub) },
	}
	if !s.rehearsal() {
		c.ReadDir2 = func(name string) ([]fs.DirEntry, error) { return s.readDir(ctx, name) }
	}
	return c
}

// substitute runs $(…).
func (s *Shell) substitute(ctx context.Context, w io.Writer, sub *syntax.CmdSubst) error {
	in := s.inner()
	var printed bytes.Buffer
	in.out = &printed
	_, err := in.list(ctx, sub.Stmts)
	s.back(in)
	if exit := (*exitError)(nil); errors.As(err, &exit) {
		err = nil
	}
	if err != nil {
		return err
	}
	if printed.Len() > mostBytes {
		return refuse("what $(…) prints is too long")
	}
	_, err = w.Write(printed.Bytes())
	return err
}

// readDir serves patterns such as cmd/*.go.
func (s *Shell) readDir(ctx context.Context, name string) ([]fs.DirEntry, error) {
	names, err := s.Tree.ReadDir(ctx, s.abs(name))
	if err != nil {
		return nil, err
	}
	var entries []fs.DirEntry
	for _, base := range names {
		i, err := s.Tree.Stat(ctx, path.Join(s.abs(name), base))
		if errors.Is(err, fs.ErrNotExist) {
			i.Dir, err = false, nil // a link that leads nowhere is a name too
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, dirEntry{base, i.Dir})
	}
	return entries, nil
}

// dirEntry is the little that patterns want to know.
type dirEntry struct {
	name string
	dir  bool
}

func (e dirEntry) Name() string               { return e.name }
func (e dirEntry) IsDir() bool                { return e.dir }
func (e dirEntry) Info() (fs.FileInfo, error) { return nil, fs.ErrInvalid }

func (e dirEntry) Type() fs.FileMode {
	if e.dir {
		return fs.ModeDir
	}
	return 0
}

// environ shows the variables of a shell to package expand.
type environ struct{ s *Shell }

// Get implements expand.Environ.
func (e environ) Get(name string) expand.Variable {
	value, set := e.s.lookup(name)
	switch {
	case name == "PWD":
		value, set = e.s.Dir, true
	case name == "?" || name == "#":
		value, set = "0", true
	case strings.ContainsAny(name, " $!@*-0123456789") && !set:
		value, set = "", len(name) == 1
	}
	return expand.Variable{Set: set, Kind: expand.String, Str: value}
}

// Each implements expand.Environ.
func (e environ) Each(visit func(name string, v expand.Variable) bool) {
	for name, value := range e.s.Env {
		if !visit(name, expand.Variable{Set: true, Exported: true, Kind: expand.String, Str: value}) {
			return
		}
	}
}
