package makefile

import "context"

// World is what a makefile asks about. Names are as the makefile writes them,
// seen from the folder that make runs in.
type World interface {
	// Shell runs a line of $(shell …) and returns what it prints. The environment is
	// that of make.
	Shell(ctx context.Context, line Line) (string, error)
	// Look describes a name. What is not there is no error.
	Look(ctx context.Context, name string) (Entry, error)
	// Names returns those in a folder, sorted; none when it is not there.
	Names(ctx context.Context, dir string) ([]string, error)
	// Read returns the content of a file; found is false when it is not there.
	Read(ctx context.Context, name string) (data []byte, found bool, err error)
}

// Entry describes a name in the file system.
type Entry struct {
	Exists, Dir bool
	Linked      bool // links were followed to find it
	// Age orders files by their times: what has a higher one may be newer, and two
	// with the same one are taken for equally old.
	Age int
}

// Runner runs the lines of recipes.
type Runner interface {
	// Run runs a line. What make would stop at is a *FailedError.
	Run(ctx context.Context, line Line) error
}

// Line is one line for the shell, expanded.
type Line struct {
	Place   string // "Makefile:12"
	Text    string
	Env     map[string]string // that make adds to its own environment
	Shell   string            // the program, "/bin/sh"
	Flags   string            // of the shell, "-c"
	MayFail bool              // make goes on when it fails
}

// Options are how make is called.
type Options struct {
	Dir       string            // absolute; the value of CURDIR
	Targets   []string          // none for the default
	Overrides map[string]string // NAME=value on the command line
	Env       map[string]string // environment; it is not changed
	Remake    bool              // -B: everything counts as old
	// Rehearsal says that files may be there that the world does not know: what
	// is missing and cannot be made is taken to be there.
	Rehearsal bool
}

// Make is one run of make.
type Make struct {
	options Options
	world   World
	runner  Runner

	variables map[string]*variable
	rules     map[string]*target
	patterns  []*pattern
	current   []*recipe // that lines with a tab go to
	order     []string  // targets, as they were met
	files     []string  // that were read
	missing   []string  // that would have been, had they been there
	exportAll bool
	oneShell  bool
	errexit   bool // .POSIX
	twice     bool // .SECONDEXPANSION
	doubtful  error
	spent     int // bytes that were expanded
	nested    int
	updated   map[string]outcome
}

// New returns a run that nothing was read for.
func New(world World, runner Runner, options Options) *Make {
	m := &Make{
		options: options, world: world, runner: runner,
		variables: map[string]*variable{}, rules: map[string]*target{}, updated: map[string]outcome{},
	}
	for name, value := range builtin() {
		m.variables[name] = &variable{value: value, from: fromDefault}
	}
	for name, value := range options.Env {
		if name != "SHELL" {
			m.variables[name] = &variable{value: value, recursive: true, from: fromEnvironment, export: exported}
		}
	}
	for name, value := range options.Overrides {
		m.variables[name] = &variable{value: value, recursive: true, from: fromCommandLine, export: exported}
	}
	m.variables["CURDIR"] = &variable{value: options.Dir, from: fromFile}
	return m
}

// builtin are the variables that make begins with.
func builtin() map[string]string {
	return map[string]string{
		"MAKE": "make", "MAKE_COMMAND": "make", "SHELL": "/bin/sh", ".SHELLFLAGS": "-c", "RM": "rm -f",
		"CC": "cc", "CXX": "g++", "AR": "ar", "LD": "ld", "AS": "as", "MAKEFLAGS": "", "MFLAGS": "", "MAKEOVERRIDES": "",
		".DEFAULT_GOAL": "", "MAKEFILES": "", "SUFFIXES": "",
	}
}

// unknownVariables are those whose values differ from one make to another.
func unknownVariable(name string) bool {
	switch name {
	case "MAKE_VERSION", "MAKE_HOST", "MAKE_TERMOUT", "MAKE_TERMERR", ".VARIABLES", ".FEATURES", ".INCLUDE_DIRS",
		".SHELLSTATUS", "MAKE_RESTARTS", "VPATH", "GPATH", ".RECIPEPREFIX", ".LIBPATTERNS", "COMPILE.c", "LINK.c", "MAKELEVEL":
		return true
	}
	return false
}
