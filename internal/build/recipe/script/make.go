package script

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/build/recipe/makefile"
)

// makeOrder is how make is called.
type makeOrder struct {
	dir       string
	file      string
	targets   []string
	overrides map[string]string
	remake    bool
}

// mostMakes bounds how deep makes call each other.
const mostMakes = 10

// makeCommand is GNU make. Its recipes are run line by line as RUN runs them, so
// that what is not understood there is refused here too.
func makeCommand(s *Shell, args []string) (action, error) {
	o, err := parseMake(args)
	if err != nil {
		return nil, err
	}
	switch {
	case s.out != nil:
		return nil, refuse("what make prints is not understood")
	case s.makes >= mostMakes:
		return nil, refuse("make calls make more than %d times", mostMakes)
	case !s.Stage.has("make"):
		return nil, &RefusalError{Reason: "the image has no make", Hint: "install it, with apk add make"}
	}
	for name, value := range s.overrides {
		if _, given := o.overrides[name]; !given {
			o.overrides[name] = value
		}
	}
	if s.rehearsal() {
		_, err := s.runMake(context.Background(), o)
		return nil, err
	}
	return func(ctx context.Context) (int, error) { return s.runMake(ctx, o) }, nil
}

func parseMake(args []string) (makeOrder, error) {
	o := makeOrder{overrides: map[string]string{}}
	words, err := grammar{"make", "C:f:skBwrR", map[string]string{
		"directory": "C", "file": "f", "makefile": "f", "silent": "s", "quiet": "s", "always-make": "B",
		"no-print-directory": "w", "print-directory": "w", "keep-going": "k",
	}}.parse(jobs(args))
	if err != nil {
		return o, err
	}
	for _, letter := range []string{"k", "r", "R"} {
		if words.has(letter) {
			return o, refuse("make -%s is not understood", letter)
		}
	}
	o.dir, o.file, o.remake = words.values["C"], words.values["f"], words.has("B")
	for _, word := range words.names {
		name, value, found := strings.Cut(word, "=")
		switch {
		case !found:
			o.targets = append(o.targets, word)
		case !variableName.MatchString(name):
			return o, refuse("make %s is not understood", word)
		default:
			o.overrides[name] = strings.ReplaceAll(value, "$$", "$")
			if strings.Contains(value, "$") {
				return o, refuse("make %s is not understood", word)
			}
		}
	}
	return o, nil
}

// jobs leaves out how many recipes run at a time: -j, -j4, -j 4, --jobs=4.
func jobs(args []string) []string {
	var kept []string
	for i := 0; i < len(args); i++ {
		number := func(word string) bool { return strings.Trim(word, "0123456789") == "" }
		switch word := args[i]; {
		case (word == "-j" || word == "--jobs") && i+1 < len(args) && args[i+1] != "" && number(args[i+1]):
			i++
		case word == "-j" || word == "--jobs" || strings.HasPrefix(word, "-j") && number(word[2:]) || strings.HasPrefix(word, "--jobs="):
		case strings.HasPrefix(word, "--output-sync"):
		default:
			kept = append(kept, word)
		}
	}
	return kept
}

// runMake reads the makefile and makes the targets.
func (s *Shell) runMake(ctx context.Context, o makeOrder) (int, error) {
	in := s.inner()
	defer func() { s.back(in) }()
	o.remake = o.remake || s.remake
	in.Dir, in.makes, in.overrides, in.remake = s.abs(o.dir), s.makes+1, o.overrides, o.remake
	if in.Env["MAKEFLAGS"] != "" || in.Env["MAKEFILES"] != "" {
		return 0, refuse("make with MAKEFLAGS or MAKEFILES in the environment is not understood")
	}
	files := in.files()
	if files == nil {
		return 0, &RefusalError{Reason: "make needs the files of the build context, which are not at hand"}
	}
	w := makeWorld{shell: in, files: files}
	name, data, err := w.makefile(ctx, o.file)
	if err != nil {
		return 0, err
	}
	parsed, err := makefile.Parse(name, data)
	if err != nil {
		return 0, makeRefusal(err)
	}
	env := maps.Clone(in.Env)
	if env["HOME"] == "" {
		env["HOME"] = "/root"
	}
	m := makefile.New(w, w, makefile.Options{
		Dir: in.Dir, Targets: o.targets, Overrides: o.overrides, Env: env, Remake: o.remake, Rehearsal: s.rehearsal(),
	})
	if err = m.Read(ctx, parsed); err == nil {
		err = m.Run(ctx)
	}
	if failed := (*makefile.FailedError)(nil); errors.As(err, &failed) {
		if s.rehearsal() {
			return 0, refuse("%s", failed.Text)
		}
		return 2, &usageError{failed.Text}
	}
	return 0, makeRefusal(err)
}

// makeRefusal says why make is not run, with the place in the makefile.
func makeRefusal(err error) error {
	place := (*makefile.UnsupportedError)(nil)
	if !errors.As(err, &place) {
		return err
	}
	if isCancelled(err) {
		return err
	}
	e := &RefusalError{Reason: err.Error(), Hint: "write the go build command that it ends in into the Dockerfile"}
	if refusal := (*RefusalError)(nil); errors.As(err, &refusal) && refusal.Hint != "" {
		e.Hint = refusal.Hint
	}
	return e
}

func isCancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// makeWorld shows a shell and its files to package makefile.
type makeWorld struct {
	shell *Shell
	files Files
}

// makefile finds the makefile as make does.
func (w makeWorld) makefile(ctx context.Context, given string) (string, []byte, error) {
	names := []string{"GNUmakefile", "makefile", "Makefile"}
	if given != "" {
		names = []string{given}
	}
	for _, name := range names {
		data, found, err := w.Read(ctx, name)
		if err != nil || found {
			return name, data, err
		}
	}
	return "", nil, refuse("there is no %s in %s", names[len(names)-1], w.shell.Dir)
}

// Shell implements makefile.World.
func (w makeWorld) Shell(ctx context.Context, line makefile.Line) (string, error) {
	in := w.shell.inner()
	defer func() { w.shell.back(in) }()
	in.errexit, in.nounset, in.pipefail = false, false, false
	if err := in.program(line); err != nil {
		return "", err
	}
	printed, err := in.printedBy(ctx, line.Text)
	if failed := (*FailedError)(nil); errors.As(err, &failed) {
		err = nil // make takes what it printed
	}
	return printed, err
}

// Look implements makefile.World.
func (w makeWorld) Look(ctx context.Context, name string) (makefile.Entry, error) {
	at := w.shell.abs(name)
	i, err := w.files.Stat(ctx, at)
	if isOrdinary(err) {
		return makefile.Entry{}, nil
	}
	if err != nil {
		return makefile.Entry{}, err
	}
	entry := makefile.Entry{Exists: true, Dir: i.Dir, Age: i.Step}
	if w.shell.Stage.Copied[i.Step] {
		entry.Age = 0 // a checkout gives its files times without a meaning
	}
	for ; at != "/" && !entry.Linked; at = path.Dir(at) {
		link, err := w.files.Lstat(ctx, at)
		entry.Linked = err == nil && link.Link != ""
	}
	return entry, nil
}

// Names implements makefile.World.
func (w makeWorld) Names(ctx context.Context, dir string) ([]string, error) {
	names, err := w.files.ReadDir(ctx, w.shell.abs(dir))
	if isOrdinary(err) {
		return nil, nil
	}
	return names, err
}

// Read implements makefile.World.
func (w makeWorld) Read(ctx context.Context, name string) ([]byte, bool, error) {
	data, err := w.files.ReadFile(ctx, w.shell.abs(name))
	if isOrdinary(err) {
		return nil, false, nil
	}
	return data, err == nil, err
}

// Run implements makefile.Runner: it runs a line of a recipe.
func (w makeWorld) Run(ctx context.Context, line makefile.Line) error {
	in := w.shell.inner()
	defer func() { w.shell.back(in) }()
	in.out, in.tested, in.errexit, in.nounset, in.pipefail = nil, 0, false, false, false
	maps.Copy(in.Env, line.Env)
	if err := in.program(line); err != nil {
		return err
	}
	err := in.Run(ctx, line.Text)
	if failed := (*FailedError)(nil); errors.As(err, &failed) {
		if line.MayFail {
			return nil
		}
		return &makefile.FailedError{Text: line.Place + ": " + failed.Error()}
	}
	return err
}

// program takes over which shell make was told to use, with which flags.
func (s *Shell) program(line makefile.Line) error {
	words := strings.Fields(line.Shell)
	if len(words) > 1 && words[0] == "/usr/bin/env" {
		words = words[1:]
	}
	if len(words) == 0 {
		return refuse("SHELL = %s is not understood", line.Shell)
	}
	switch path.Base(words[0]) {
	case "bash":
		if !s.Stage.has("bash") {
			return refuse("the image has no bash")
		}
		s.Bash = true
	case "sh", "ash", "dash":
		s.Bash = false
	default:
		return refuse("SHELL = %s is not understood", line.Shell)
	}
	flags := strings.Fields(line.Flags)
	if len(flags) == 0 || !strings.HasSuffix(flags[len(flags)-1], "c") {
		return refuse(".SHELLFLAGS = %s is not understood", line.Flags)
	}
	last := len(flags) - 1
	flags[last] = strings.TrimSuffix(flags[last], "c")
	flags = slices.DeleteFunc(flags, func(f string) bool { return f == "-" })
	_, err := sets(s, slices.Concat(words[1:], flags))
	return err
}
