package script

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/davit-dev/davit/internal/build/recipe/gocmd"
)

// goCommand is the go command.
func goCommand(s *Shell, args []string) (action, error) {
	if !s.Stage.Golang {
		return nil, &RefusalError{
			Reason: "this stage does not begin with an official Go image, so which Go is meant is not known",
			Hint:   "begin it with FROM golang:…",
		}
	}
	c, err := gocmd.Parse(args)
	if err == nil {
		_, err = gocmd.Settings(s.goVariable)
	}
	if err != nil {
		return nil, &RefusalError{Reason: err.Error(), Hint: goHint(args)}
	}
	if at := s.abs(c.Dir); s.Stage.NoModules && s.goVariable("GO111MODULE") != "on" && strings.HasPrefix(at, s.goPath()+"/src") && c.Kind != gocmd.Text {
		return nil, refuse("this Go takes no notice of go.mod in %s, and packages outside a module are not built", at)
	}
	switch c.Kind {
	case gocmd.Nothing:
		return nil, nil
	case gocmd.Set:
		maps.Copy(s.Stage.GoEnv, c.Settings)
		return nil, nil
	case gocmd.Text:
		return s.goText(c.Args)
	case gocmd.List:
		if s.rehearsal() {
			s.print("example.com/module\n")
			return nil, nil
		}
	case gocmd.Build, gocmd.Install, gocmd.Check, gocmd.Download, gocmd.Modify:
	}
	return func(ctx context.Context) (int, error) {
		g := goRun{Shell: s, Command: c}
		err := g.run(ctx)
		if failed := (*GoError)(nil); errors.As(err, &failed) {
			s.said = "go " + args[0] + ": " + failed.Output
			return 1, nil
		}
		return toStatus(err == nil), err
	}, nil
}

func goHint(args []string) string {
	switch slices.Concat(args, []string{""})[0] {
	case "test":
		return "run the tests before the image is built, or let BuildKit, Docker or Podman build it"
	case "generate", "run", "tool":
		return "commit what is generated, or let BuildKit, Docker or Podman build it"
	case "get":
		return "leave it out: go.mod names the versions, and go build downloads them"
	}
	return ""
}

// goVariable returns a setting of Go: a variable, or what go env -w set.
func (s *Shell) goVariable(name string) string {
	if value := s.Env[name]; value != "" {
		return value
	}
	return s.Stage.GoEnv[name]
}

// goPath is GOPATH in the image.
func (s *Shell) goPath() string {
	first, _, _ := strings.Cut(s.goVariable("GOPATH"), ":")
	if !path.IsAbs(first) {
		return "/go"
	}
	return first
}

// goText prints what go version and go env say.
func (s *Shell) goText(args []string) (action, error) {
	switch {
	case s.out == nil:
		return nil, nil
	case len(args) == 1 && args[0] == "version":
		return s.goVersion("go version ", " "+s.Stage.OS+"/"+s.Stage.Arch)
	case len(args) == 2 && args[1] == "GOVERSION":
		return s.goVersion("", "")
	}
	return nil, s.goSetting(args)
}

// goVersion prints the version of the Go that compiles.
func (s *Shell) goVersion(before, after string) (action, error) {
	if s.rehearsal() {
		s.print(before + "go1.0" + after + "\n")
		return nil, nil
	}
	return func(ctx context.Context) (int, error) {
		g := goRun{Shell: s}
		if err := g.prepare(ctx); err != nil {
			return 1, err
		}
		version, err := g.goes(ctx, "env", "GOVERSION")
		s.print(before + strings.TrimSpace(version) + after + "\n")
		return toStatus(err == nil), err
	}, nil
}

func (s *Shell) goSetting(args []string) error {
	if args[0] != "env" || len(args) != 2 {
		_, err := s.printed("go " + args[0])
		return err
	}
	value := map[string]string{
		"GOPATH": s.goPath(), "GOBIN": s.goVariable("GOBIN"), "GOROOT": "/usr/local/go",
		"GOOS": s.Stage.OS, "GOARCH": s.Stage.Arch, "GOHOSTOS": s.Stage.OS, "GOHOSTARCH": s.Stage.Arch,
		"GOMODCACHE": s.goPath() + "/pkg/mod", "GOCACHE": "/root/.cache/go-build", "GOEXE": "", "GOARM": s.Stage.ARM,
	}
	text, known := value[args[1]]
	if set := s.goVariable(args[1]); set != "" {
		text = set
	}
	if !known && s.out != nil {
		return refuse("what go env %s prints is not the same on each machine", args[1])
	}
	s.print(text + "\n")
	return nil
}

// goRun is one go command that runs.
type goRun struct {
	*Shell
	gocmd.Command

	dir    string // on this machine
	module string // the folder with go.mod, in the tree
	env    []string
}

func (g *goRun) run(ctx context.Context) error {
	if err := g.prepare(ctx); err != nil {
		return err
	}
	switch g.Kind {
	case gocmd.Download:
		_, err := g.goes(ctx, g.Args...)
		return err
	case gocmd.Modify:
		return g.modify(ctx)
	case gocmd.List:
		printed, err := g.goes(ctx, g.Args...)
		g.print(printed)
		return err
	case gocmd.Check:
		_, err := g.goes(ctx, slices.Concat([]string{"vet"}, g.Flags, g.hosted())...)
		return err
	case gocmd.Build, gocmd.Install:
		return g.build(ctx)
	case gocmd.Nothing, gocmd.Text, gocmd.Set:
	}
	return nil
}

// prepare finds the module, which must be in the tree: above it there may be one
// of this machine.
func (g *goRun) prepare(ctx context.Context) error {
	at := g.abs(g.Command.Dir)
	is, err := g.Tree.IsDir(ctx, at)
	if err != nil || !is {
		return cmpOr(err, &usageError{at + ": not a folder"})
	}
	if g.dir, err = g.Tree.Host(ctx, at); err != nil {
		return err
	}
	at = "/" + strings.TrimPrefix(strings.TrimPrefix(g.dir, g.Tree.Dir()), "/")
	if err := os.MkdirAll(g.dir, 0o755); err != nil {
		return err
	}
	module, found := g.above(at, "go.mod")
	makesModule := len(g.Args) > 1 && g.Args[1] == "init"
	if !found && g.Files() && !g.belowModule() {
		return errors.Join(g.settings(at), g.contained(false))
	}
	if !found && !g.Remote() && !makesModule {
		return &RefusalError{
			Reason: fmt.Sprintf("there is no go.mod in %s or above: packages outside a module are not built", at),
			Hint:   "go mod init makes one; or let BuildKit, Docker or Podman build it",
		}
	}
	g.module = path.Dir(module)
	if err := g.settings(at); err != nil {
		return err
	}
	return g.contained(found)
}

// above looks for a file in a folder of the tree and those that it is in.
func (g *goRun) above(at, name string) (string, bool) {
	for ; ; at = path.Dir(at) {
		if info, err := os.Lstat(filepath.Join(g.Tree.Dir(), at, name)); err == nil && info.Mode().IsRegular() {
			return path.Join(at, name), true
		}
		if at == "/" {
			return "", false
		}
	}
}

// belowModule says whether the go command would find a module of this machine
// above the tree.
func (g *goRun) belowModule() bool {
	for at := g.Tree.Dir(); at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, "go.mod")); err == nil {
			return true
		}
	}
	return false
}

// settings are the environment. Whatever the image has, programs are built
// without a C compiler: build says no to those that need one.
func (g *goRun) settings(at string) error {
	set, err := gocmd.Settings(g.goVariable)
	if err != nil {
		return &RefusalError{Reason: err.Error()}
	}
	g.env = []string{"GOOS=" + g.Stage.OS, "GOARCH=" + g.Stage.Arch, "CGO_ENABLED=0", "GOWORK=off"}
	if g.Stage.ARM != "" {
		g.env = append(g.env, "GOARM="+g.Stage.ARM)
	}
	if work, found := g.above(at, "go.work"); found && g.goVariable("GOWORK") == "" && !g.Remote() {
		g.env = append(g.env, "GOWORK="+filepath.Join(g.Tree.Dir(), work))
	}
	if g.goVariable("GOWORK") != "" && g.goVariable("GOWORK") != "off" {
		return refuse("GOWORK=%s is not understood", g.goVariable("GOWORK"))
	}
	if g.Stage.Toolchain != "" {
		g.env = append(g.env, "GOTOOLCHAIN="+g.Stage.Toolchain)
	}
	g.env = append(g.env, set...)
	return nil
}

func (g *goRun) goes(ctx context.Context, args ...string) (string, error) {
	return g.Machine.Go(ctx, GoCommand{Dir: g.dir, Args: args, Env: g.env})
}

// hosted returns the packages with absolute paths as they are on this machine.
func (g *goRun) hosted() []string {
	packages := slices.Clone(g.Packages)
	for i, p := range packages {
		if path.IsAbs(p) {
			packages[i] = filepath.Join(g.Tree.Dir(), p)
		}
	}
	return packages
}

// contained refuses what would make the go command read files outside the tree.
func (g *goRun) contained(module bool) error {
	root := g.Tree.Dir() + string(filepath.Separator)
	for _, p := range g.hosted() {
		if !path.IsAbs(p) {
			p = filepath.Join(g.dir, p)
		}
		if !strings.HasPrefix(filepath.Clean(p)+"/", root) {
			return refuse("%s lies outside the image", p)
		}
	}
	files := map[string]string{}
	if module {
		files["go.mod"] = filepath.Join(g.Tree.Dir(), g.module, "go.mod")
	}
	if i := slices.IndexFunc(g.env, func(v string) bool { return strings.HasPrefix(v, "GOWORK=/") }); i >= 0 {
		files["go.work"] = strings.TrimPrefix(g.env[i], "GOWORK=")
	}
	for kind, file := range files {
		folders, err := localFolders(kind, file)
		if err != nil {
			return err
		}
		for _, dir := range folders {
			if path.IsAbs(dir) || !strings.HasPrefix(filepath.Join(filepath.Dir(file), dir)+"/", root) {
				return refuse("%s names the folder %s, which is understood only when it is relative and in the image", kind, dir)
			}
		}
	}
	return nil
}

// localFolders returns the folders of modules that a go.mod or go.work names.
func localFolders(kind, file string) ([]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var folders []string
	var replaced []*modfile.Replace
	if kind == "go.work" {
		work, err := modfile.ParseWork(kind, data, nil)
		if err != nil {
			return nil, refuse("%v", err)
		}
		for _, use := range work.Use {
			folders = append(folders, use.Path)
		}
		replaced = work.Replace
	} else {
		mod, err := modfile.Parse(kind, data, nil)
		if err != nil {
			return nil, refuse("%v", err)
		}
		replaced = mod.Replace
	}
	for _, r := range replaced {
		if r.New.Version == "" {
			folders = append(folders, r.New.Path)
		}
	}
	return folders, nil
}

// modify runs what changes go.mod, go.sum or vendor, and refuses the result when
// versions were looked up: they may be others tomorrow.
func (g *goRun) modify(ctx context.Context) error {
	name := filepath.Join(g.Tree.Dir(), g.module, "go.mod")
	before, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := g.goes(ctx, g.Args...); err != nil {
		return err
	}
	after, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if g.Args[0] == "mod" && g.Args[1] == "init" {
		return nil
	}
	if added := newRequirements(string(before), string(after)); added != "" {
		return &RefusalError{
			Reason: fmt.Sprintf("go %s looked up a version: %s; it may be another one tomorrow", strings.Join(g.Args, " "), added),
			Hint:   "run the command in the repository and commit go.mod and go.sum",
		}
	}
	return nil
}

// newRequirements returns the first line of a go.mod that names a version and
// was not there before.
func newRequirements(before, after string) string {
	known := map[string]bool{}
	plain := func(line string) string {
		line, _, _ = strings.Cut(line, "//")
		return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "require "))
	}
	for line := range strings.Lines(before) {
		known[plain(line)] = true
	}
	for line := range strings.Lines(after) {
		if line = plain(line); strings.Contains(line, " v") && !known[line] {
			return line
		}
	}
	return ""
}
