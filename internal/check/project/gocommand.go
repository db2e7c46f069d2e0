package project

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// GoCommand is a call of the go command, with the variables that count for it.
type GoCommand struct {
	Word      dockerfile.Span // the word go
	Verb      string          // build, install, mod …; for mod also its own verb: "mod download"
	Packages  []dockerfile.Value
	Output    dockerfile.Value // of -o
	HasOutput bool
	Tags      []string
	Static    bool             // the linker is told to link statically
	Dir       dockerfile.Value // absolute, with -C
	Env       map[string]dockerfile.Value
}

// goVariables are the environment variables that rules ask for.
func goVariables() []string {
	return []string{"CGO_ENABLED", "GOTOOLCHAIN", "GOOS", "GOARCH", "GOFLAGS", "GOBIN", "GOPATH"}
}

// run takes the commands of an instruction over into the stage.
func (s *Stage) run(f *dockerfile.File, i *dockerfile.Instruction, onbuild bool) {
	script, _ := f.Script(i)
	r := &Run{Instruction: i, Script: script, Shell: s.Shell, Onbuild: onbuild, Stage: s}
	s.Runs = append(s.Runs, r)
	if !s.posix() && !i.JSON {
		return
	}
	simple := script.Commands(s.Vars)
	if i.JSON {
		simple = f.Commands(i, s.Vars)
	}
	_, mounted := i.Flag("mount")
	for _, c := range simple {
		cmd := &Command{Command: c, Instruction: i, Run: r, Dir: s.Resolve(s.Workdir, c.Dir), Sources: mounted || s.hasSources()}
		if !onbuild {
			s.learn(cmd)
		}
		r.Commands = append(r.Commands, cmd)
	}
	if !onbuild {
		s.Commands = append(s.Commands, r.Commands...)
	}
}

// hasSources says whether files of the build context came in so far.
func (s *Stage) hasSources() bool {
	for ; s != nil; s = s.Below {
		if slices.ContainsFunc(s.Copies, func(c Copy) bool { return c.From == "" }) {
			return true
		}
	}
	return false
}

// learn takes over what a command changes in the stage.
func (s *Stage) learn(c *Command) {
	switch c.Name() {
	case "go":
		c.Go = s.readGo(c)
		s.persist(c)
		if c.Instruction.Name == "RUN" {
			s.build(c)
		}
	case "apk":
		for _, a := range c.Args[1:] {
			name, _, _ := strings.Cut(a.Text, "=")
			s.Installed = append(s.Installed, name)
		}
	case "mv", "cp", "install":
		s.move(c)
	}
}

func (s *Stage) readGo(c *Command) *GoCommand {
	g := &GoCommand{Word: c.Args[0].Span, Dir: c.Dir, Env: map[string]dockerfile.Value{}}
	for _, name := range goVariables() {
		if value, set := c.Lookup(name); set {
			g.Env[name] = value
		} else if value, set := s.goEnv[name]; set {
			g.Env[name] = value
		}
	}
	args := c.Args[1:]
	if len(args) > 1 && args[0].Text == "-C" {
		g.Dir, args = s.Resolve(g.Dir, args[1].Value), args[2:]
	}
	if len(args) == 0 {
		return g
	}
	g.Verb, args = args[0].Text, args[1:]
	if (g.Verb == "mod" || g.Verb == "env") && len(args) > 0 {
		g.Verb, args = g.Verb+" "+args[0].Text, args[1:]
	}
	g.flags(s, args)
	for flag := range strings.FieldsSeq(g.Env["GOFLAGS"].Text) {
		g.flag(s, flag, dockerfile.Value{}, false)
	}
	return g
}

// flags reads the flags up to the first package. Those with a value of their
// own: `go help build`, `go help test`.
func (g *GoCommand) flags(s *Stage, args []dockerfile.Argument) {
	withValue := []string{
		"-C", "-asmflags", "-buildmode", "-compiler", "-covermode", "-coverpkg", "-exec", "-gccgoflags", "-gcflags",
		"-installsuffix", "-ldflags", "-mod", "-modfile", "-o", "-overlay", "-p", "-pgo", "-pkgdir", "-tags", "-toolexec",
	}
	for len(args) > 0 && strings.HasPrefix(args[0].Text, "-") {
		name := strings.Replace(args[0].Text, "--", "-", 1)
		if slices.Contains(withValue, name) && len(args) > 1 {
			g.flag(s, name, args[1].Value, true)
			args = args[1:]
		} else {
			g.flag(s, name, args[0].Value, false)
		}
		args = args[1:]
	}
	for _, a := range args {
		g.Packages = append(g.Packages, a.Value)
	}
}

// flag takes over one flag; a flag that is not apart from its value holds it
// after an equals sign.
func (g *GoCommand) flag(s *Stage, name string, value dockerfile.Value, apart bool) {
	if !apart {
		var text string
		name, text, _ = strings.Cut(name, "=")
		value.Text = text
	}
	switch name {
	case "-o":
		g.Output, g.HasOutput = value, true
	case "-tags":
		g.Tags = append(g.Tags, strings.FieldsFunc(value.Text, func(r rune) bool { return r == ',' || r == ' ' })...)
	case "-ldflags":
		g.Static = g.Static || strings.Contains(value.Text, "-static")
	case "-C":
		g.Dir = s.Resolve(g.Dir, value)
	}
}

// persist keeps what `go env -w` sets.
func (s *Stage) persist(c *Command) {
	if c.Go.Verb != "env -w" {
		return
	}
	next := map[string]dockerfile.Value{}
	maps.Copy(next, s.goEnv)
	for _, p := range c.Go.Packages {
		if name, value, found := strings.Cut(p.Text, "="); found {
			next[name] = dockerfile.Value{Text: value, Known: p.Known}
		}
	}
	s.goEnv = next
}

// ReadsModule says whether the go command needs go.mod: a package at a version
// is built outside of any module.
func (g *GoCommand) ReadsModule() bool {
	switch g.Verb {
	case "mod download", "mod verify", "mod tidy", "mod vendor", "vet", "test", "generate", "list":
		return true
	case "build", "install", "run":
		return !slices.ContainsFunc(g.Packages, func(p dockerfile.Value) bool { return strings.Contains(p.Text, "@") })
	}
	return false
}

// build adds what go build and go install make to the products of the stage.
func (s *Stage) build(c *Command) {
	g := c.Go
	if g.Verb != "build" && g.Verb != "install" || !g.ReadsModule() {
		return
	}
	p := Product{Of: c, Stage: s}
	switch out := s.Resolve(g.Dir, g.Output); {
	case g.Verb == "install":
		p.Path = g.bin()
	case out.Known && g.HasOutput:
		p.Path = out.Text
	case !g.HasOutput && g.Dir.Known:
		p.Path = path.Join(g.Dir.Text, g.programName())
	default:
		return
	}
	s.add(p)
}

// bin returns where go install puts programs: in the official images /go/bin.
func (g *GoCommand) bin() string {
	if bin := g.Env["GOBIN"]; bin.Known && bin.Text != "" {
		return path.Clean(bin.Text)
	}
	if gopath := g.Env["GOPATH"]; gopath.Known && gopath.Text != "" {
		return path.Join(gopath.Text, "bin")
	}
	return "/go/bin"
}

// programName returns the name that go build gives to a program: that of its
// folder, or of its first file. In the module's own folder it is the module's,
// which is not known here: then it is empty, and the folder stands for it.
func (g *GoCommand) programName() string {
	if len(g.Packages) == 0 || strings.Contains(g.Packages[0].Text, "...") {
		return ""
	}
	name := path.Clean(g.Packages[0].Text)
	if name == "." {
		return ""
	}
	return strings.TrimSuffix(path.Base(name), ".go")
}

// move follows a program that is moved or copied in its stage.
func (s *Stage) move(c *Command) {
	var names []dockerfile.Value
	for _, a := range c.Args[1:] {
		if !strings.HasPrefix(a.Text, "-") {
			names = append(names, s.Resolve(c.Dir, a.Value))
		}
	}
	if len(names) != 2 || !names[0].Known || !names[1].Known {
		return
	}
	for _, p := range s.Products {
		if rest, ok := p.under(names[0].Text); ok {
			to := p
			to.Path = path.Join(names[1].Text, rest)
			s.add(to)
			to.Path = path.Join(names[1].Text, path.Base(p.Path))
			s.add(to)
		}
	}
}

// Has says whether a variable that counts for the go command is set.
func (g *GoCommand) Has(name string) bool {
	_, set := g.Env[name]
	return set
}

// CgoIsSettled says that the command line or the environment decides whether
// the program is linked to a libc: cgo is off, or on by decision, or the program
// is not for Linux.
func (g *GoCommand) CgoIsSettled() bool {
	cgo, goos := g.Env["CGO_ENABLED"], g.Env["GOOS"]
	decided := g.Has("CGO_ENABLED") && (!cgo.Known || cgo.Text != "")
	foreign := goos.Known && goos.Text != "" && goos.Text != "linux"
	pure := slices.Contains(g.Tags, "netgo") && slices.Contains(g.Tags, "osusergo")
	return decided || foreign || g.Static || pure
}
