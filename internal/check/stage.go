package check

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// stage is what the Go rules know about a stage: where it stands, what it
// copies, and which Go programs are in it.
type stage struct {
	*dockerfile.Stage
	image     image // what the chain of FROMs begins with
	parent    *stage
	workdir   dockerfile.Value // at its end
	scope     *dockerfile.Scope
	copies    []copied
	commands  []command
	products  []product
	installed []string                    // packages that apk added, here and in the parents
	goEnv     map[string]dockerfile.Value // set by `go env -w`, here and in the parents
	used      bool                        // another stage builds on it or copies from it
	posix     bool                        // the shell is one that can be read
}

// copied is one source of a COPY or ADD.
type copied struct {
	from   string // stage or image; empty for the build context
	source dockerfile.Value
	dest   dockerfile.Value // absolute
}

// command is a command that a RUN, CMD or ENTRYPOINT runs.
type command struct {
	dockerfile.Command
	instruction *dockerfile.Instruction
	dir         dockerfile.Value // absolute
	sources     bool             // files of the build context are there when it runs
	golang      *goCommand       // when it is the go command
}

// product is a Go program, or the folder that one or more are put into: which
// of the two a path is, only the build knows.
type product struct {
	path  string // absolute
	of    *command
	stage *stage // that built it
}

// mostProducts bounds what is followed from stage to stage.
const mostProducts = 64

func analyze(f *dockerfile.File) []*stage {
	var stages []*stage
	byParse := map[*dockerfile.Stage]*stage{}
	for _, parsed := range f.Stages() {
		s := &stage{
			Stage: parsed, image: readImage(parsed.Image), goEnv: map[string]dockerfile.Value{},
			workdir: dockerfile.Value{Text: "/", Known: true}, posix: true,
		}
		s.inherit(byParse[parsed.Parent])
		for _, i := range parsed.Instructions {
			s.step(f, i, stages)
		}
		byParse[parsed] = s
		stages = append(stages, s)
	}
	return stages
}

func (s *stage) inherit(parent *stage) {
	if parent == nil {
		s.scope = s.Scope(nil)
		if s.image.isGolang() {
			s.workdir.Text = "/go" // as the official images set it
		}
		return
	}
	parent.used = true
	s.parent, s.image, s.workdir, s.posix = parent, parent.image, parent.workdir, parent.posix
	s.scope = s.Scope(parent.scope)
	s.products = slices.Clip(parent.products)
	s.installed = slices.Clip(parent.installed)
	s.goEnv = parent.goEnv
}

func (s *stage) step(f *dockerfile.File, i *dockerfile.Instruction, earlier []*stage) {
	switch i.Name {
	case "ARG", "ENV":
		s.scope.Apply(i)
	case "WORKDIR":
		if len(i.Args) == 1 {
			s.workdir = s.resolve(s.workdir, s.expand(i.Args[0].Text))
		}
	case "SHELL":
		s.posix = len(i.Args) > 0 && strings.HasSuffix(i.Args[0].Value.String(), "sh") && !strings.Contains(i.Args[0].Value.String(), "power")
	case "COPY", "ADD":
		s.copy(i, earlier)
	case "RUN", "CMD", "ENTRYPOINT":
		s.run(f, i)
	}
}

func (s *stage) expand(t dockerfile.Text) dockerfile.Value {
	e := dockerfile.Expand(t, s.scope.Escape(), s.scope.Lookup)
	return dockerfile.Value{Text: e.String(), Known: e.Known}
}

func (s *stage) resolve(dir, name dockerfile.Value) dockerfile.Value {
	if !name.Known || !path.IsAbs(name.Text) && !dir.Known {
		return dockerfile.Value{}
	}
	if path.IsAbs(name.Text) {
		return dockerfile.Value{Text: path.Clean(name.Text), Known: true}
	}
	return dockerfile.Value{Text: path.Join(dir.Text, name.Text), Known: true}
}

func (s *stage) copy(i *dockerfile.Instruction, earlier []*stage) {
	if len(i.Args) < 2 {
		return
	}
	last := s.expand(i.Args[len(i.Args)-1].Text)
	if i.JSON {
		last = s.expand(i.Args[len(i.Args)-1].Value)
	}
	from, _ := i.Flag("from")
	origin := stageNamed(earlier, s.expand(from).Text)
	if origin != nil {
		origin.used = true
	}
	for _, arg := range i.Args[:len(i.Args)-1] {
		word := arg.Text
		if i.JSON {
			word = arg.Value
		}
		c := copied{from: from.String(), source: s.expand(word), dest: s.resolve(s.workdir, last)}
		s.copies = append(s.copies, c)
		if origin != nil {
			s.receive(origin, c)
		}
	}
}

// stageNamed finds what --from means: a stage's name or number.
func stageNamed(earlier []*stage, name string) *stage {
	for k, s := range slices.Backward(earlier) {
		if name != "" && (s.Name == strings.ToLower(name) || strconv.Itoa(k) == name) {
			return s
		}
	}
	return nil
}

// receive takes over the programs that a COPY brings from another stage.
func (s *stage) receive(origin *stage, c copied) {
	if !c.source.Known || !c.dest.Known {
		return
	}
	source := path.Join("/", c.source.Text)
	for _, p := range origin.products {
		rest, ok := p.under(source)
		if !ok {
			continue
		}
		moved := p
		moved.path = path.Join(c.dest.Text, rest)
		s.add(moved)
	}
}

func (s *stage) add(p product) {
	if len(s.products) < mostProducts {
		s.products = append(s.products, p)
	}
}

// under says whether a copy of source takes the product along, and where it is
// below the source.
func (p product) under(source string) (rest string, ok bool) {
	if source == p.path || source == "/" {
		return strings.TrimPrefix(p.path, source), true
	}
	if rest, found := strings.CutPrefix(p.path, source+"/"); found {
		return rest, true
	}
	if strings.HasPrefix(source, p.path+"/") {
		return "", true
	}
	match, err := path.Match(source, p.path)
	return "", match && err == nil
}
