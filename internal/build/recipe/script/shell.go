// Package script turns the shell lines of RUN instructions into changes of a
// tree of files and into runs of the Go toolchain.
//
// Its invariant: of what a Dockerfile says, nothing runs on this machine but the
// go command, as package gocmd lets it through, and git commands that only read.
// All else that is understood is done here; what is not understood is a
// *RefusalError, never a guess. A rehearsal says the same without doing anything. The
// package must not import the package recipe.
package script

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// RefusalError says why a line is not run here.
type RefusalError struct {
	Reason string // "npm is not understood"
	Hint   string // what to do; may be empty
}

// Error implements error.
func (e *RefusalError) Error() string { return e.Reason }

func refuse(format string, args ...any) error {
	return &RefusalError{Reason: fmt.Sprintf(format, args...)}
}

// FailedError is a line that ends with another status than 0.
type FailedError struct {
	Status int
	Said   string // the last thing that a command complained about
}

// Error implements error.
func (e *FailedError) Error() string {
	if e.Said == "" {
		return fmt.Sprintf("the line ends with status %d", e.Status)
	}
	return e.Said
}

// Shell runs the lines of one stage.
type Shell struct {
	Stage   *Stage
	Machine Machine
	// Tree is the files of the stage. Without, every command is looked at, on all
	// ways through the line, and none is done.
	Tree *tree.Tree
	Dir  string            // working folder, an absolute path
	Env  map[string]string // exported variables
	User tree.Owner        // that commands run as
	Bash bool              // the line is for bash, not for a POSIX shell
	// Known are the files that a rehearsal knows of, for makefiles; nil for none.
	Known Files

	vars     map[string]string // that are not exported
	out      io.Writer         // nil: what is printed is not looked at
	input    string            // of a heredoc
	said     string            // the last complaint of a command
	errexit  bool
	pipefail bool
	nounset  bool
	tested   int // depth of conditions: a failure there ends nothing
	commands int // that were run so far

	nested    int               // depth of shells in shells
	makes     int               // depth of makes
	overrides map[string]string // variables on the command line of make
	remake    bool              // make was called with -B
}

// mostCommands bounds a line: loops multiply.
const mostCommands = 2000

// Files are what commands read. *tree.Tree implements it.
type Files interface {
	Stat(ctx context.Context, name string) (tree.Info, error)
	Lstat(ctx context.Context, name string) (tree.Info, error)
	ReadDir(ctx context.Context, name string) ([]string, error)
	ReadFile(ctx context.Context, name string) ([]byte, error)
}

// files are those of the stage, or what a rehearsal knows of them.
func (s *Shell) files() Files {
	if s.rehearsal() {
		return s.Known
	}
	return s.Tree
}

// Run runs a line, or the lines of a heredoc.
func (s *Shell) Run(ctx context.Context, source string) error {
	status, err := s.start(ctx, source)
	if err == nil && status != 0 {
		return &FailedError{Status: status, Said: s.said}
	}
	return err
}

// start is Run that returns the status of the line.
func (s *Shell) start(ctx context.Context, source string) (int, error) {
	variant := syntax.LangPOSIX
	if s.Bash {
		variant = syntax.LangBash
	}
	file, err := syntax.NewParser(syntax.Variant(variant)).Parse(strings.NewReader(source), "")
	if err != nil {
		return 0, refuse("this is not a line of a POSIX shell: %v", err)
	}
	s.vars = map[string]string{}
	return exited(s.list(ctx, file.Stmts))
}

// printedBy runs a line and returns what it prints, whatever its status.
func (s *Shell) printedBy(ctx context.Context, source string) (string, error) {
	var printed bytes.Buffer
	s.out, s.tested = &printed, 0
	err := s.Run(ctx, source)
	if printed.Len() > mostBytes {
		return "", refuse("what a command prints is too long")
	}
	return printed.String(), err
}

// Exec runs a command that is given as a list of words.
func (s *Shell) Exec(ctx context.Context, words []string) error {
	s.vars = map[string]string{}
	if len(words) == 0 || words[0] == "" {
		return refuse("a command without a name")
	}
	act, err := s.find(words)
	if err != nil || act == nil || s.rehearsal() {
		return err
	}
	status, err := act(ctx)
	if status, err = s.complain(words[0], status, err); err == nil && status != 0 {
		return &FailedError{Status: status, Said: s.said}
	}
	return err
}

// Set turns flags of the shell on, letters as for set: "eu".
func (s *Shell) Set(flags string) {
	s.errexit = s.errexit || strings.Contains(flags, "e")
	s.nounset = s.nounset || strings.Contains(flags, "u")
}

// exitError ends the line.
type exitError struct{ status int }

func (e *exitError) Error() string { return fmt.Sprintf("exit %d", e.status) }

// rehearsal tells whether commands are only looked at.
func (s *Shell) rehearsal() bool { return s.Tree == nil }

// abs returns a name as seen from the working folder.
func (s *Shell) abs(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(s.Dir, name)
}

// inner is a shell whose changes of variables and folder end with it.
func (s *Shell) inner() *Shell {
	c := *s
	c.Env, c.vars = maps.Clone(s.Env), maps.Clone(s.vars)
	return &c
}

// back takes over from an inner shell what outlives it.
func (s *Shell) back(c *Shell) { s.said, s.commands = c.said, c.commands }

func (s *Shell) lookup(name string) (string, bool) {
	if value, found := s.vars[name]; found {
		return value, true
	}
	value, found := s.Env[name]
	if !found && name == "HOME" {
		return "/root", true
	}
	return value, found
}

// mostBytes bounds the value of a variable.
const mostBytes = 1 << 14

func (s *Shell) assign(name, value string, export bool) error {
	if len(value) > mostBytes {
		return refuse("the value of %s is too long", name)
	}
	if _, exported := s.Env[name]; exported || export {
		delete(s.vars, name)
		s.Env[name] = value
		return nil
	}
	s.vars[name] = value
	return nil
}

// list runs statements one after the other and returns the last status.
func (s *Shell) list(ctx context.Context, stmts []*syntax.Stmt) (status int, err error) {
	for _, stmt := range stmts {
		if status, err = s.stmt(ctx, stmt); err != nil {
			return status, err
		}
	}
	return status, nil
}

func (s *Shell) stmt(ctx context.Context, stmt *syntax.Stmt) (int, error) {
	s.commands++
	switch {
	case stmt.Background || stmt.Coprocess || stmt.Disown:
		return 0, refuse("a command in the background is not understood")
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case s.commands > mostCommands:
		return 0, refuse("the line runs more than %d commands", mostCommands)
	case stmt.Cmd == nil:
		return s.redirected(ctx, stmt, func(*Shell) (int, error) { return 0, nil })
	case stmt.Negated:
		s.tested++
		defer func() { s.tested-- }()
	}
	status, err := s.redirected(ctx, stmt, func(in *Shell) (int, error) { return in.command(ctx, stmt.Cmd) })
	if err != nil || s.rehearsal() {
		return 0, err
	}
	if stmt.Negated {
		return toStatus(status != 0), nil
	}
	if _, isList := stmt.Cmd.(*syntax.BinaryCmd); status != 0 && s.errexit && s.tested == 0 && !isList {
		return status, &exitError{status}
	}
	return status, nil
}

func toStatus(ok bool) int {
	if ok {
		return 0
	}
	return 1
}

func (s *Shell) command(ctx context.Context, cmd syntax.Command) (int, error) {
	switch c := cmd.(type) {
	case *syntax.CallExpr:
		return s.call(ctx, c)
	case *syntax.BinaryCmd:
		return s.binary(ctx, c)
	case *syntax.IfClause:
		return s.branch(ctx, c)
	case *syntax.CaseClause:
		return s.choose(ctx, c)
	case *syntax.ForClause:
		return s.loop(ctx, c)
	case *syntax.Block:
		return s.list(ctx, c.Stmts)
	case *syntax.Subshell:
		in := s.inner()
		status, err := in.list(ctx, c.Stmts)
		s.back(in)
		if exit := (*exitError)(nil); errors.As(err, &exit) {
			return exit.status, nil
		}
		return status, err
	case *syntax.DeclClause:
		return s.declare(ctx, c)
	}
	return 0, refuse("this form of the shell is not understood: %s", strings.TrimPrefix(fmt.Sprintf("%T", cmd), "*syntax."))
}

// call runs a command with its arguments, or only sets variables.
func (s *Shell) call(ctx context.Context, c *syntax.CallExpr) (int, error) {
	args, err := s.fields(ctx, c.Args)
	if err != nil {
		return 0, err
	}
	in := s
	if len(args) > 0 && len(c.Assigns) > 0 {
		in = s.inner()
		defer func() { s.back(in) }()
	}
	for _, a := range c.Assigns {
		if err := in.set(ctx, a, len(args) > 0); err != nil {
			return 0, err
		}
	}
	if len(args) == 0 {
		return 0, nil
	}
	act, err := in.find(args)
	if err != nil || act == nil || s.rehearsal() {
		return 0, err
	}
	status, err := act(ctx)
	return in.complain(args[0], status, err)
}

// complain turns what is the fault of the line into a status.
func (s *Shell) complain(name string, status int, err error) (int, error) {
	if err == nil || !isOrdinary(err) {
		return status, err
	}
	s.said = fmt.Sprintf("%s: %v", name, err)
	return max(status, 1), nil
}

func (s *Shell) declare(ctx context.Context, c *syntax.DeclClause) (int, error) {
	if c.Variant.Value != "export" && c.Variant.Value != "readonly" {
		return 0, refuse("%s is not understood", c.Variant.Value)
	}
	for _, a := range c.Args {
		if a.Name == nil {
			return 0, refuse("export with %s is not understood", "a flag or a word that is put together")
		}
		if a.Naked {
			value, found := s.lookup(a.Name.Value)
			if found {
				delete(s.vars, a.Name.Value)
				s.Env[a.Name.Value] = value
			}
			continue
		}
		if err := s.set(ctx, a, true); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func (s *Shell) set(ctx context.Context, a *syntax.Assign, export bool) error {
	if a.Append || a.Index != nil || a.Array != nil || a.Name == nil {
		return refuse("an assignment of this form is not understood")
	}
	value, err := s.literal(ctx, a.Value)
	if err != nil {
		return err
	}
	return s.assign(a.Name.Value, value, export)
}
