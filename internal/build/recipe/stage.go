package recipe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/davit-dev/davit/internal/build/recipe/script"
	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// stage executes, or rehearses, the instructions of one stage.
type stage struct {
	plan  *Plan
	file  *file
	index int
	base  base
	run   *run // nil in a rehearsal

	tree   *tree.Tree // nil in a rehearsal
	known  *known     // nil but in a rehearsal
	facts  *script.Stage
	env    *variables // ENV and ARG, as RUN sees them
	config v1.Config
	author string
	cmdSet bool // CMD stands in this stage
	lines  map[string]int
}

func newStage(p *Plan, f *file, index int) *stage {
	b := f.bases[index]
	s := &stage{plan: p, file: f, index: index, base: b, env: newVariables(), lines: map[string]int{}}
	s.facts = &script.Stage{
		Golang: s.root().kind == fromGolang, System: b.system, OS: b.platform.os, Arch: b.platform.arch, ARM: b.platform.goarm(),
		Virtual: map[string][]string{}, Packages: map[string]bool{}, Copied: map[int]bool{}, GoEnv: map[string]string{},
	}
	for _, i := range f.result {
		s.facts.Result = s.facts.Result || i == index
	}
	if root := s.root(); root.kind == fromGolang && root.release != "" && root.release != "1" {
		s.facts.NoModules = minor("go"+root.release) < firstModules
	}
	s.facts.Epoch = p.options.Args["SOURCE_DATE_EPOCH"]
	s.facts.Hostname = cmp.Or(p.options.Args["BUILDKIT_SANDBOX_HOSTNAME"], "buildkitsandbox")
	s.facts.Compiler = s.facts.Golang && b.system == script.Debian
	return s
}

// root is what the stage begins with in the end.
func (s *stage) root() base {
	b := s.base
	for b.kind == fromStage {
		b = s.file.bases[b.stage]
	}
	return b
}

// begin takes the configuration that the stage begins with.
func (s *stage) begin(config v1.Config) {
	s.config = *config.DeepCopy()
	for _, word := range s.config.Env {
		name, value, _ := strings.Cut(word, "=")
		s.env.set(name, value)
	}
	if s.config.WorkingDir == "" {
		s.config.WorkingDir = "/"
	}
}

// plainConfig is the configuration of an image as far as its name tells it.
func plainConfig(b base) v1.Config {
	const search = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	if b.kind != fromGolang {
		return v1.Config{Env: []string{"PATH=" + search}, WorkingDir: "/"}
	}
	c := v1.Config{Env: []string{"PATH=/go/bin:/usr/local/go/bin:" + search}, WorkingDir: "/go"}
	if b.exact {
		c.Env = append(c.Env, "GOLANG_VERSION="+b.release)
	}
	c.Env = append(c.Env, "GOTOOLCHAIN=local", "GOPATH=/go")
	return c
}

// newRehearsal makes a stage that does nothing but say what it would not do.
func newRehearsal(p *Plan, f *file, index int) *stage {
	s := newStage(p, f, index)
	s.known = &known{}
	f.rehearsed[index] = s
	if s.base.kind == fromStage {
		s.inherit(f.rehearsed[s.base.stage])
		s.known = f.rehearsed[s.base.stage].known.clone()
		return s
	}
	s.begin(plainConfig(s.base))
	return s
}

// inherit begins where another stage ended.
func (s *stage) inherit(before *stage) {
	s.begin(before.config)
	s.author = before.author
	s.facts.Compiler = before.facts.Compiler
	s.facts.GoEnv = maps.Clone(before.facts.GoEnv)
	s.facts.Virtual = maps.Clone(before.facts.Virtual)
	s.facts.Packages = maps.Clone(before.facts.Packages)
	s.facts.Copied = maps.Clone(before.facts.Copied)
}

// abs returns a name as seen from the working folder.
func (s *stage) abs(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(s.config.WorkingDir, name)
}

func refuse(format string, args ...any) error {
	return &script.RefusalError{Reason: fmt.Sprintf(format, args...)}
}

// textOf returns an instruction as it is written.
func textOf(cmd instructions.Command) string {
	if s, ok := cmd.(fmt.Stringer); ok {
		return s.String()
	}
	return strings.ToUpper(cmd.Name())
}

// do executes one instruction, or rehearses it.
func (s *stage) do(ctx context.Context, cmd instructions.Command) error {
	if err := s.expand(cmd); err != nil {
		return err
	}
	s.lines[strings.ToLower(cmd.Name())] = lineOf(cmd.Location())
	switch c := cmd.(type) {
	case *instructions.RunCommand:
		return s.runLine(ctx, c)
	case *instructions.CopyCommand:
		return s.copy(ctx, c)
	case *instructions.AddCommand:
		return s.add(ctx, c)
	case *instructions.WorkdirCommand:
		return s.workdir(ctx, c)
	case *instructions.ArgCommand:
		return s.args(c)
	case *instructions.OnbuildCommand:
		return refuse("ONBUILD is for images that others build on")
	case *instructions.ShellCommand:
		return s.shell(c)
	}
	return s.configure(cmd)
}

// expand puts the variables in, as BuildKit does: in ARG and EXPOSE elsewhere.
func (s *stage) expand(cmd instructions.Command) error {
	if _, isArg := cmd.(*instructions.ArgCommand); isArg {
		return nil
	}
	if e, ok := cmd.(instructions.SupportsSingleWordExpansion); ok {
		if err := e.Expand(s.word); err != nil {
			return err
		}
	}
	if e, ok := cmd.(instructions.SupportsSingleWordExpansionRaw); ok {
		return e.ExpandRaw(func(text string) (string, error) {
			lex := shell.NewLex('\\')
			lex.SkipProcessQuotes = true
			return putIn(lex, text, s.env)
		})
	}
	return nil
}

// mostBytes bounds a text with its variables put in.
const mostBytes = 1 << 16

func (s *stage) word(text string) (string, error) { return putIn(s.file.lex, text, s.env) }

func putIn(lex *shell.Lex, text string, env *variables) (string, error) {
	out, _, err := lex.ProcessWord(text, env)
	if len(out) > mostBytes {
		return "", errors.New("the text is too long with its variables put in")
	}
	return out, err
}

func (s *stage) args(c *instructions.ArgCommand) error {
	for _, arg := range c.Args {
		value, given := s.plan.options.Args[arg.Key]
		if !given && arg.Value != nil {
			var err error
			if value, err = s.word(*arg.Value); err != nil {
				return err
			}
			given = true
		}
		if !given {
			value, given = s.file.globals.Get(arg.Key)
		}
		if given {
			s.env.set(arg.Key, value)
		}
	}
	return nil
}
