// Package gocmd turns the words of a go command in a Dockerfile into what of it
// may run on this machine.
//
// Its invariant: a command that it returns starts no program but those of the Go
// toolchain, whoever wrote the words, and builds nothing that needs a C compiler.
// What it does not know it refuses. It runs nothing and imports only the
// standard library.
package gocmd

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Kind is what a command does.
type Kind int

// The kinds of commands.
const (
	Nothing  Kind = iota // it changes nothing that counts here
	Build                // it makes programs, where it says or in the working folder
	Install              // it makes programs in GOBIN
	Check                // it compiles and leaves nothing: vet
	Download             // it fills the module cache
	Modify               // it changes files of the module: Args is the whole command
	Text                 // it prints: version, env
	Set                  // it changes Go's settings: env -w
	List                 // it prints packages or modules: Args is the whole command
)

// Command is a go command that may run.
type Command struct {
	Kind     Kind
	Dir      string            // of -C; "" for the working folder
	Output   string            // of -o; "" for none
	Flags    []string          // each with its value, "-name=value"
	Packages []string          // as they are written
	Args     []string          // behind "go", of Download, Modify and Text
	Settings map[string]string // of Set
}

// Remote tells whether the packages are of other modules, name@version.
func (c Command) Remote() bool {
	return slices.ContainsFunc(c.Packages, func(p string) bool { return strings.Contains(p, "@") })
}

// Files tells whether what is built is Go files and not packages, as in "go build
// main.go", which needs no module.
func (c Command) Files() bool {
	return len(c.Packages) > 0 && !slices.ContainsFunc(c.Packages, func(p string) bool { return !strings.HasSuffix(p, ".go") })
}

// Parse reads the words behind "go".
func Parse(words []string) (Command, error) {
	if len(words) == 0 {
		return Command{}, errors.New("a go command says what it is to do")
	}
	verb, rest := words[0], words[1:]
	switch verb {
	case "build", "install", "vet":
		return parseBuild(verb, rest)
	case "mod":
		return parseMod(rest)
	case "get":
		return parseGet(rest)
	case "env":
		return parseEnv(rest)
	case "list":
		return parseList(rest)
	case "version":
		return Command{Kind: Text, Args: []string{"version"}}, nil
	case "clean":
		return Command{Kind: Nothing}, nil // the caches are this machine's
	case "test", "run", "generate", "tool":
		return Command{}, fmt.Errorf("go %s runs programs of the repository", verb)
	}
	return Command{}, fmt.Errorf("go %s is not understood", verb)
}

func parseBuild(verb string, words []string) (Command, error) {
	c := Command{Kind: map[string]Kind{"build": Build, "install": Install, "vet": Check}[verb]}
	flags, rest, err := splitFlags(words)
	if err != nil {
		return Command{}, err
	}
	for _, f := range flags {
		if err := c.take(f); err != nil {
			return Command{}, fmt.Errorf("go %s: %w", verb, err)
		}
	}
	if c.Output != "" && verb != "build" {
		return Command{}, fmt.Errorf("go %s has no flag -o", verb)
	}
	for _, p := range rest {
		if err := c.takePackage(p); err != nil {
			return Command{}, fmt.Errorf("go %s: %w", verb, err)
		}
	}
	return c, nil
}

// exactVersion is a version, or the whole name of a commit.
var exactVersion = regexp.MustCompile(`^(v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+incompatible)?|[0-9a-f]{40})$`)

func (c *Command) takePackage(p string) error {
	name, version, remote := strings.Cut(p, "@")
	switch {
	case strings.HasPrefix(p, "-"):
		return fmt.Errorf("%q stands where packages are expected", p)
	case remote && c.Kind != Install:
		return fmt.Errorf("%q: only go install takes a version", p)
	case remote && !exactVersion.MatchString(version):
		return fmt.Errorf("%s@%s is another program each time; name its version", name, version)
	}
	c.Packages = append(c.Packages, p)
	return nil
}

// parseMod lets through what reads the module or writes files of it.
func parseMod(words []string) (Command, error) {
	if len(words) == 0 {
		return Command{}, errors.New("go mod says what it is to do")
	}
	verb := words[0]
	c := Command{Args: []string{"mod", verb}}
	switch verb {
	case "download", "verify", "graph", "why":
		c.Kind = Download
	case "vendor", "tidy", "init":
		c.Kind = Modify
	default:
		return Command{}, fmt.Errorf("go mod %s is not understood", verb)
	}
	for _, w := range words[1:] {
		isFlag := strings.HasPrefix(w, "-")
		switch {
		case w == "-x" || w == "-v":
			continue // they print more
		case isFlag && w != "-json" && w != "-e" && !strings.HasPrefix(w, "-compat="):
			return Command{}, fmt.Errorf("go mod %s: flag %s is not understood", verb, w)
		case !isFlag && (verb == "vendor" || verb == "tidy"):
			return Command{}, fmt.Errorf("go mod %s takes no names", verb)
		}
		c.Args = append(c.Args, w)
	}
	return c, nil
}

// parseGet lets through what downloads the modules that go.mod names already.
func parseGet(words []string) (Command, error) {
	c := Command{Kind: Modify, Args: []string{"get"}}
	for _, w := range words {
		switch {
		case w == "-d" || w == "-v" || w == "-x":
		case w == "-t":
			c.Args = append(c.Args, w)
		case w == "." || strings.HasPrefix(w, "./"):
			c.Args = append(c.Args, w)
		case strings.HasPrefix(w, "-"):
			return Command{}, fmt.Errorf("go get: flag %s may choose other versions each time", w)
		default:
			return Command{}, fmt.Errorf("go get %s chooses a version that may be another one each time", w)
		}
	}
	return c, nil
}

// listFormat prints names and versions, and nothing of this machine.
var listFormat = regexp.MustCompile(`^(\{\{ ?\.(ImportPath|Name|Path|Version|GoVersion|Module\.Path) ?\}\}|[\w./ -])*$`)

// parseList lets through what prints packages and modules by their names.
func parseList(words []string) (Command, error) {
	c := Command{Kind: List, Args: []string{"list"}}
	for i := 0; i < len(words); i++ {
		switch w := words[i]; {
		case w == "-m" || w == "all" || !strings.HasPrefix(w, "-") && !strings.Contains(w, "@"):
			c.Args = append(c.Args, w)
		case w == "-f" && i+1 < len(words) && listFormat.MatchString(words[i+1]):
			i++
			c.Args = append(c.Args, w, words[i])
		case strings.HasPrefix(w, "-f=") && listFormat.MatchString(w[3:]), strings.HasPrefix(w, "-mod="):
			c.Args = append(c.Args, w)
		default:
			return Command{}, fmt.Errorf("go list %s is not understood", w)
		}
	}
	for _, p := range c.Args[1:] {
		if strings.HasPrefix(p, "/") || strings.HasPrefix(p, "..") {
			return Command{}, fmt.Errorf("go list %s is not understood", p)
		}
	}
	return c, nil
}

func parseEnv(words []string) (Command, error) {
	if len(words) == 0 || words[0] != "-w" && words[0] != "-u" {
		for _, w := range words {
			if !variableName.MatchString(w) && w != "-json" {
				return Command{}, fmt.Errorf("go env %s is not understood", w)
			}
		}
		return Command{Kind: Text, Args: append([]string{"env"}, words...)}, nil
	}
	c := Command{Kind: Set, Settings: map[string]string{}}
	for _, w := range words[1:] {
		name, value, found := strings.Cut(w, "=")
		if found != (words[0] == "-w") || !variableName.MatchString(name) {
			return Command{}, fmt.Errorf("go env %s %s is not understood", words[0], w)
		}
		c.Settings[name] = value
	}
	return c, nil
}

var variableName = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
