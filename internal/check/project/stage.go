package project

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// Stage is what is known about a stage: where it stands, what it copies and
// runs, and which Go programs are in it.
type Stage struct {
	*dockerfile.Stage
	Base      Image                   // what the chain of FROMs begins with
	Below     *Stage                  // the stage that this one builds on
	Workdir   dockerfile.Value        // at its end
	User      *dockerfile.Instruction // the last USER, here or in the stages below
	Vars      *dockerfile.Scope       // at its end
	Shell     []string                // of the shell form, at its end: /bin/sh -c unless SHELL says otherwise
	Copies    []Copy
	Runs      []*Run
	Commands  []*Command // of all runs but those of ONBUILD
	Products  []Product
	Installed []string // packages that apk added, here and below
	Used      bool     // another stage builds on it or copies from it

	goEnv map[string]dockerfile.Value // set by `go env -w`, here and below
}

// IsForDevelopers says whether the name of a file, stage or program tells that it is
// not what is shipped.
func IsForDevelopers(name string) bool {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) })
	return slices.ContainsFunc(words, func(word string) bool {
		return slices.Contains([]string{"debug", "dev", "devel", "development", "test", "tests", "testing", "lint", "bench", "integration"}, word)
	})
}

// Copy is one source of a COPY or ADD.
type Copy struct {
	Instruction *dockerfile.Instruction
	From        string // stage or image; empty for the build context
	Origin      *Stage // the stage that From names; nil when it names none
	Source      dockerfile.Value
	Dest        dockerfile.Value // absolute
}

// Run is an instruction that runs something: RUN, CMD or ENTRYPOINT.
type Run struct {
	Instruction *dockerfile.Instruction // behind an ONBUILD: what that holds
	Script      dockerfile.Script       // of the shell form
	Shell       []string                // that reads it
	Onbuild     bool
	Stage       *Stage
	Commands    []*Command
}

// Command is a command that an instruction runs.
type Command struct {
	dockerfile.Command
	Instruction *dockerfile.Instruction
	Run         *Run
	Dir         dockerfile.Value // absolute
	Sources     bool             // files of the build context are there when it runs
	Go          *GoCommand       // when it is the go command
}

// Product is a Go program, or the folder that one or more are put into: which
// of the two a path is, only the build knows.
type Product struct {
	Path  string // absolute
	Of    *Command
	Stage *Stage // that built it
}

// IsFile says whether go build surely made one program of that path, and not a
// folder of them.
func (p Product) IsFile() bool {
	g := p.Of.Go
	return g.Verb == "build" && g.HasOutput && !strings.HasSuffix(g.Output.Text, "/") && !g.severalPackages()
}

// mostProducts bounds what is followed from stage to stage.
const mostProducts = 64

// analyze fills the stages. A file that does not begin with FROM, or a piece of
// one, has a head.
func (d *Dockerfile) analyze() {
	byParse := map[*dockerfile.Stage]*Stage{}
	parsed := d.AST.Stages()
	shells := readShellComments(d.AST)
	if head := d.AST.Head(); head != nil {
		d.Head = newStage(head, nil)
		for _, i := range head.Instructions {
			d.Head.Shell = shells.before(i.Start, d.Head.Shell)
			d.Head.step(d.AST, i, nil)
		}
	}
	for _, stage := range parsed {
		s := newStage(stage, byParse[stage.Parent])
		s.Shell = shells.before(stage.From.Start, s.Shell)
		for _, i := range stage.Instructions {
			s.Shell = shells.before(i.Start, s.Shell)
			s.step(d.AST, i, d.Stages)
		}
		byParse[stage] = s
		d.Stages = append(d.Stages, s)
	}
}

func newStage(parsed *dockerfile.Stage, below *Stage) *Stage {
	s := &Stage{
		Stage: parsed, Base: readImage(parsed.Image), goEnv: map[string]dockerfile.Value{},
		Workdir: dockerfile.Value{Text: "/", Known: true}, Shell: []string{"/bin/sh", "-c"},
	}
	if below == nil {
		s.Vars = s.Scope(nil)
		if s.Base.IsGolang() {
			s.Workdir.Text = "/go" // as the official images set it
		}
		return s
	}
	below.Used = true
	s.Below, s.Base, s.Workdir, s.Shell, s.User = below, below.Base, below.Workdir, below.Shell, below.User
	s.Vars = s.Scope(below.Vars)
	s.Products = slices.Clip(below.Products)
	s.Installed = slices.Clip(below.Installed)
	s.goEnv = below.goEnv
	return s
}

func (s *Stage) step(f *dockerfile.File, i *dockerfile.Instruction, earlier []*Stage) {
	switch i.Name {
	case "ARG", "ENV":
		s.Vars.Apply(i)
	case "WORKDIR":
		if len(i.Args) == 1 {
			s.Workdir = s.Resolve(s.Workdir, s.Expand(i.Args[0].Text))
		}
	case "USER":
		s.User = i
	case "SHELL":
		s.Shell = nil
		for _, a := range i.Args {
			s.Shell = append(s.Shell, a.Value.String())
		}
	case "COPY", "ADD":
		s.copy(i, earlier)
	case "RUN", "CMD", "ENTRYPOINT":
		s.run(f, i, false)
	case "ONBUILD":
		if i.Trigger != nil && i.Trigger.Name == "RUN" {
			s.run(f, i.Trigger, true)
		}
	}
}

// posix says that the shell is one whose scripts can be read.
func (s *Stage) posix() bool {
	return len(s.Shell) > 0 && strings.HasSuffix(s.Shell[0], "sh") && !strings.Contains(s.Shell[0], "power")
}

// Expand returns what a word comes to with the variables of the stage's end.
func (s *Stage) Expand(t dockerfile.Text) dockerfile.Value {
	e := dockerfile.Expand(t, s.Vars.Escape(), s.Vars.Lookup)
	return dockerfile.Value{Text: e.String(), Known: e.Known}
}

// Resolve returns the absolute path of a name in a folder.
func (s *Stage) Resolve(dir, name dockerfile.Value) dockerfile.Value {
	if !name.Known || !path.IsAbs(name.Text) && !dir.Known {
		return dockerfile.Value{}
	}
	if path.IsAbs(name.Text) {
		return dockerfile.Value{Text: path.Clean(name.Text), Known: true}
	}
	return dockerfile.Value{Text: path.Join(dir.Text, name.Text), Known: true}
}

func (s *Stage) copy(i *dockerfile.Instruction, earlier []*Stage) {
	if len(i.Args) < 2 {
		return
	}
	last := s.Expand(i.Args[len(i.Args)-1].Text)
	if i.JSON {
		last = s.Expand(i.Args[len(i.Args)-1].Value)
	}
	from, _ := i.Flag("from")
	origin := StageNamed(earlier, s.Expand(from).Text)
	if origin != nil {
		origin.Used = true
	}
	for _, arg := range i.Args[:len(i.Args)-1] {
		word := arg.Text
		if i.JSON {
			word = arg.Value
		}
		c := Copy{Instruction: i, From: from.String(), Origin: origin, Source: s.Expand(word), Dest: s.Resolve(s.Workdir, last)}
		s.Copies = append(s.Copies, c)
		if origin != nil {
			s.receive(origin, c)
		}
	}
}

// StageNamed finds what --from means: a stage's name or number.
func StageNamed(earlier []*Stage, name string) *Stage {
	for k, s := range slices.Backward(earlier) {
		if name != "" && (s.Name == strings.ToLower(name) || strconv.Itoa(k) == name) {
			return s
		}
	}
	return nil
}

// receive takes over the programs that a COPY brings from another stage.
func (s *Stage) receive(origin *Stage, c Copy) {
	if !c.Source.Known || !c.Dest.Known {
		return
	}
	source := path.Join("/", c.Source.Text)
	for _, p := range origin.Products {
		rest, ok := p.under(source)
		if !ok {
			continue
		}
		moved := p
		moved.Path = path.Join(c.Dest.Text, rest)
		s.add(moved)
	}
}

func (s *Stage) add(p Product) {
	if len(s.Products) < mostProducts {
		s.Products = append(s.Products, p)
	}
}

// under says whether a copy of source takes the product along, and where it is
// below the source.
func (p Product) under(source string) (rest string, ok bool) {
	if source == p.Path || source == "/" {
		return strings.TrimPrefix(p.Path, source), true
	}
	if rest, found := strings.CutPrefix(p.Path, source+"/"); found {
		return rest, true
	}
	if strings.HasPrefix(source, p.Path+"/") {
		return "", true
	}
	match, err := path.Match(source, p.Path)
	return "", match && err == nil
}

// BuildsOn says whether the stage is root or stands on it.
func (s *Stage) BuildsOn(root *Stage) bool {
	for ; s != nil; s = s.Below {
		if s == root {
			return true
		}
	}
	return false
}

// BringsLibc says that the stage gets a libc that its base image does not have.
func (s *Stage) BringsLibc() bool {
	for at := s; at != nil; at = at.Below {
		for _, c := range at.Copies {
			if strings.Contains(c.Source.Text, "/lib/") || strings.HasSuffix(c.Source.Text, "/lib") ||
				strings.Contains(c.Source.Text, "/lib64") || strings.Contains(c.Source.Text, ".so") {
				return true
			}
		}
	}
	return slices.Contains(s.Installed, "gcompat") || slices.Contains(s.Installed, "libc6-compat")
}
