package makefile

import (
	"context"
	"errors"
	"strings"
)

// origin is where a variable comes from. A higher one is not overwritten by a
// lower one.
type origin int

const (
	fromDefault origin = iota
	fromEnvironment
	fromFile
	fromCommandLine
	fromOverride
	automatic
)

// String is what $(origin) returns.
func (o origin) String() string {
	return []string{"default", "environment", "file", "command line", "override", "automatic"}[o]
}

type exporting int

const (
	unsaid exporting = iota
	exported
	hidden
)

// variable is a value, or the reason why there is none.
type variable struct {
	value     string
	recursive bool // it is expanded where it is used
	from      origin
	export    exporting
	poison    error // it has a value that is not known here
}

// scope is the variables of one target, over those of the one that wants it.
type scope struct {
	outer     *scope
	variables map[string]*variable
}

func (m *Make) lookup(name string, in *scope) *variable {
	global := m.variables[name]
	for s := in; s != nil; s = s.outer {
		if v, found := s.variables[name]; found {
			if global != nil && global.from >= fromCommandLine && v.from < global.from {
				return global
			}
			return v
		}
	}
	return global
}

// assign executes an assignment, into the variables of a target or into those of
// all. What cannot be known is kept as the reason why.
func (m *Make) assign(ctx context.Context, at place, s statement, in *scope) error {
	name, err := m.expand(ctx, at, s.name, in)
	name = strings.TrimSpace(name)
	switch {
	case err != nil:
		return err
	case !isWord(name):
		return unsupported(at, "a variable without a name")
	case unknownVariable(name):
		return unsupported(at, "%s is not understood", name)
	}
	old := m.lookup(name, in)
	from := fromFile
	if s.override {
		from = fromOverride
	}
	v := &variable{from: from}
	if old != nil {
		v.export = old.export
	}
	if s.export {
		v.export = exported
	}
	if old != nil && (old.from > from || s.op == "?=") {
		if s.export {
			old.export = exported
		}
		return nil
	}
	if err := m.fill(ctx, at, s, v, old, in); err != nil {
		return err
	}
	if in != nil {
		in.variables[name] = v
		return nil
	}
	m.variables[name] = v
	return nil
}

// fill gives a variable its value. Only what make itself would complain about
// is an error.
func (m *Make) fill(ctx context.Context, at place, s statement, v, old *variable, in *scope) error {
	var err error
	switch s.op {
	case "=", "?=":
		v.value, v.recursive = s.text, true
		return nil
	case ":=":
		v.value, err = m.expand(ctx, at, s.text, in)
	case "!=":
		v.recursive = true
		if v.value, err = m.expand(ctx, at, s.text, in); err == nil {
			v.value, err = m.shell(ctx, at, v.value)
		}
	case "+=":
		return m.appendTo(ctx, at, s, v, old, in)
	}
	return v.keep(err)
}

// keep makes what is not understood the reason why a value is not known.
func (v *variable) keep(err error) error {
	if reason := (*UnsupportedError)(nil); errors.As(err, &reason) {
		v.poison, v.value = err, ""
		return nil
	}
	return err
}

func (m *Make) appendTo(ctx context.Context, at place, s statement, v, old *variable, in *scope) error {
	if old == nil {
		v.value, v.recursive = s.text, true
		return nil
	}
	v.recursive, v.poison = old.recursive, old.poison
	text := s.text
	if !old.recursive {
		var err error
		if text, err = m.expand(ctx, at, s.text, in); err != nil {
			return v.keep(err)
		}
	}
	v.value = old.value + " " + text
	if old.value == "" {
		v.value = text
	}
	return nil
}

// value expands a variable.
func (m *Make) value(ctx context.Context, at place, name string, in *scope) (string, error) {
	if unknownVariable(name) {
		return "", unsupported(at, "$(%s) is not the same in each make", name)
	}
	v := m.lookup(name, in)
	switch {
	case name == "MAKEFILE_LIST":
		return strings.Join(m.files, " "), nil
	case name == "MAKECMDGOALS":
		return strings.Join(m.options.Targets, " "), nil
	case v == nil:
		return "", nil
	case v.poison != nil:
		return "", v.poison
	case name == "MAKEFLAGS" && len(m.options.Overrides) > 0:
		return "", unsupported(at, "$(MAKEFLAGS) is not understood")
	case !v.recursive:
		return v.value, nil
	}
	return m.expand(ctx, at, v.value, in)
}
