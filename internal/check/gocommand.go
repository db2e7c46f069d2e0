package check

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// goCommand is a call of the go command, with the variables that count for it.
type goCommand struct {
	name      dockerfile.Span // the word go
	verb      string          // build, install, mod …; for mod also its own verb: "mod download"
	packages  []dockerfile.Value
	output    dockerfile.Value // of -o
	hasOutput bool
	tags      []string
	static    bool             // the linker is told to link statically
	dir       dockerfile.Value // absolute, with -C
	env       map[string]dockerfile.Value
}

// goVariables are the environment variables that rules ask for.
func goVariables() []string {
	return []string{"CGO_ENABLED", "GOTOOLCHAIN", "GOOS", "GOARCH", "GOFLAGS", "GOBIN", "GOPATH"}
}

// run takes the commands of a RUN, CMD or ENTRYPOINT over into the stage.
func (s *stage) run(f *dockerfile.File, i *dockerfile.Instruction) {
	if !s.posix && !i.JSON {
		return
	}
	_, mounted := i.Flag("mount")
	for _, c := range f.Commands(i, s.scope) {
		dir := s.resolve(s.workdir, c.Dir)
		cmd := &command{Command: c, instruction: i, dir: dir, sources: mounted || s.hasSources()}
		s.learn(cmd)
		s.commands = append(s.commands, *cmd)
	}
}

// hasSources says whether files of the build context came in so far.
func (s *stage) hasSources() bool {
	for ; s != nil; s = s.parent {
		if slices.ContainsFunc(s.copies, func(c copied) bool { return c.from == "" }) {
			return true
		}
	}
	return false
}

// learn takes over what a command changes in the stage.
func (s *stage) learn(c *command) {
	switch c.Name() {
	case "go":
		c.golang = s.readGo(c)
		s.persist(c)
		if c.instruction.Name == "RUN" {
			s.build(c)
		}
	case "apk":
		for _, a := range c.Args[1:] {
			name, _, _ := strings.Cut(a.Text, "=")
			s.installed = append(s.installed, name)
		}
	case "mv", "cp", "install":
		s.move(c)
	}
}

func (s *stage) readGo(c *command) *goCommand {
	g := &goCommand{name: c.Args[0].Span, dir: c.dir, env: map[string]dockerfile.Value{}}
	for _, name := range goVariables() {
		if value, set := c.Lookup(name); set {
			g.env[name] = value
		} else if value, set := s.goEnv[name]; set {
			g.env[name] = value
		}
	}
	args := c.Args[1:]
	if len(args) > 1 && args[0].Text == "-C" {
		g.dir, args = s.resolve(g.dir, args[1].Value), args[2:]
	}
	if len(args) == 0 {
		return g
	}
	g.verb, args = args[0].Text, args[1:]
	if (g.verb == "mod" || g.verb == "env") && len(args) > 0 {
		g.verb, args = g.verb+" "+args[0].Text, args[1:]
	}
	g.flags(s, args)
	for flag := range strings.FieldsSeq(g.env["GOFLAGS"].Text) {
		g.flag(s, flag, dockerfile.Value{}, false)
	}
	return g
}

// flags reads the flags up to the first package. Those with a value of their
// own: `go help build`, `go help test`.
func (g *goCommand) flags(s *stage, args []dockerfile.Argument) {
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
		g.packages = append(g.packages, a.Value)
	}
}

// flag takes over one flag; a flag that is not apart from its value holds it
// after an equals sign.
func (g *goCommand) flag(s *stage, name string, value dockerfile.Value, apart bool) {
	if !apart {
		var text string
		name, text, _ = strings.Cut(name, "=")
		value.Text = text
	}
	switch name {
	case "-o":
		g.output, g.hasOutput = value, true
	case "-tags":
		g.tags = append(g.tags, strings.FieldsFunc(value.Text, func(r rune) bool { return r == ',' || r == ' ' })...)
	case "-ldflags":
		g.static = g.static || strings.Contains(value.Text, "-static")
	case "-C":
		g.dir = s.resolve(g.dir, value)
	}
}

// persist keeps what `go env -w` sets.
func (s *stage) persist(c *command) {
	if c.golang.verb != "env -w" {
		return
	}
	next := map[string]dockerfile.Value{}
	maps.Copy(next, s.goEnv)
	for _, p := range c.golang.packages {
		if name, value, found := strings.Cut(p.Text, "="); found {
			next[name] = dockerfile.Value{Text: value, Known: p.Known}
		}
	}
	s.goEnv = next
}

// readsModule says whether the go command needs go.mod: a package at a version
// is built outside of any module.
func (g *goCommand) readsModule() bool {
	switch g.verb {
	case "mod download", "mod verify", "mod tidy", "mod vendor", "vet", "test", "generate", "list":
		return true
	case "build", "install", "run":
		return !slices.ContainsFunc(g.packages, func(p dockerfile.Value) bool { return strings.Contains(p.Text, "@") })
	}
	return false
}

// build adds what go build and go install make to the products of the stage.
func (s *stage) build(c *command) {
	g := c.golang
	if g.verb != "build" && g.verb != "install" || !g.readsModule() {
		return
	}
	p := product{of: c, stage: s}
	switch out := s.resolve(g.dir, g.output); {
	case g.verb == "install":
		p.path = g.bin()
	case out.Known && g.hasOutput:
		p.path = out.Text
	case !g.hasOutput && g.dir.Known:
		p.path = path.Join(g.dir.Text, g.programName())
	default:
		return
	}
	s.add(p)
}

// bin returns where go install puts programs: in the official images /go/bin.
func (g *goCommand) bin() string {
	if bin := g.env["GOBIN"]; bin.Known && bin.Text != "" {
		return path.Clean(bin.Text)
	}
	if gopath := g.env["GOPATH"]; gopath.Known && gopath.Text != "" {
		return path.Join(gopath.Text, "bin")
	}
	return "/go/bin"
}

// programName returns the name that go build gives to a program: that of its
// folder, or of its first file. In the module's own folder it is the module's,
// which is not known here: then it is empty, and the folder stands for it.
func (g *goCommand) programName() string {
	if len(g.packages) == 0 || strings.Contains(g.packages[0].Text, "...") {
		return ""
	}
	name := path.Clean(g.packages[0].Text)
	if name == "." {
		return ""
	}
	return strings.TrimSuffix(path.Base(name), ".go")
}

// move follows a program that is moved or copied in its stage.
func (s *stage) move(c *command) {
	var names []dockerfile.Value
	for _, a := range c.Args[1:] {
		if !strings.HasPrefix(a.Text, "-") {
			names = append(names, s.resolve(c.dir, a.Value))
		}
	}
	if len(names) != 2 || !names[0].Known || !names[1].Known {
		return
	}
	for _, p := range s.products {
		if rest, ok := p.under(names[0].Text); ok {
			to := p
			to.path = path.Join(names[1].Text, rest)
			s.add(to)
			to.path = path.Join(names[1].Text, path.Base(p.path))
			s.add(to)
		}
	}
}
