package script

import (
	"bytes"
	"context"

	"mvdan.cc/sh/v3/syntax"
)

// target is where the standard output of a statement goes.
type target struct {
	name  string // an absolute path
	add   bool   // to the end
	input string // what it reads
	reads bool   // it has an input of its own
}

// redirected runs a statement with its redirections.
func (s *Shell) redirected(ctx context.Context, stmt *syntax.Stmt, run func(*Shell) (int, error)) (int, error) {
	if len(stmt.Redirs) == 0 {
		return run(s)
	}
	var to target
	quiet := false
	for _, r := range stmt.Redirs {
		name, discard, err := s.redirect(ctx, r, &to)
		if err != nil {
			return 0, err
		}
		quiet = quiet || discard
		if name != "" {
			to.name = name
		}
	}
	return s.capture(ctx, to, quiet, run)
}

// capture runs a statement and puts what it prints where it belongs.
func (s *Shell) capture(ctx context.Context, to target, quiet bool, run func(*Shell) (int, error)) (int, error) {
	outer, input := s.out, s.input
	var printed bytes.Buffer
	if to.name != "" {
		s.out = &printed
	} else if quiet {
		s.out = nil
	}
	if to.reads {
		s.input = to.input
	}
	status, err := run(s)
	s.out, s.input = outer, input
	if err != nil || to.name == "" || s.rehearsal() {
		return status, err
	}
	data := printed.Bytes()
	if to.add {
		before, err := s.Tree.ReadFile(ctx, to.name)
		if err != nil && !isOrdinary(err) {
			return 0, err
		}
		data = append(before, data...)
	}
	if err := s.Tree.Write(ctx, to.name, data, s.User); err != nil {
		return s.complain("sh", 1, err)
	}
	return status, nil
}

// redirect reads one redirection. It returns the file that is written, or
// whether the output goes nowhere.
func (s *Shell) redirect(ctx context.Context, r *syntax.Redirect, to *target) (name string, discard bool, err error) {
	stream := "1"
	if r.N != nil {
		stream = r.N.Value
	}
	switch r.Op {
	case syntax.Hdoc, syntax.DashHdoc:
		to.reads = true
		to.input, err = s.document(ctx, r.Hdoc)
		return "", false, err
	case syntax.DplOut:
		return "", false, nil // 2>&1: what is complained about is not looked at
	case syntax.RdrIn:
		to.reads = true
		to.input, err = s.inputFile(ctx, r)
		return "", false, err
	case syntax.RdrOut, syntax.AppOut, syntax.RdrClob:
	default:
		return "", false, refuse("the redirection %s is not understood", r.Op)
	}
	word, err := s.literal(ctx, r.Word)
	switch {
	case err != nil:
		return "", false, err
	case word == "/dev/null" || word == "/dev/stderr" || word == "/dev/stdout":
		return "", stream == "1" && word != "/dev/stdout", nil
	case stream == "2":
		return "", false, refuse("a file of what commands complain about is not understood")
	case stream != "1":
		return "", false, refuse("a redirection of stream %s is not understood", stream)
	case word == "":
		return "", false, refuse("a redirection to no name")
	}
	to.add = r.Op == syntax.AppOut
	return s.abs(word), false, nil
}

// inputFile reads the file behind <.
func (s *Shell) inputFile(ctx context.Context, r *syntax.Redirect) (string, error) {
	name, err := s.literal(ctx, r.Word)
	switch {
	case err != nil:
		return "", err
	case r.N != nil:
		return "", refuse("the redirection %s<%s is not understood", r.N.Value, name)
	case name == "/dev/null":
		return "", nil
	case s.rehearsal():
		return "0\n", nil
	}
	data, err := s.content(ctx, name)
	if isOrdinary(err) {
		s.said = "sh: " + err.Error()
		return "", &exitError{1}
	}
	return string(data), err
}
