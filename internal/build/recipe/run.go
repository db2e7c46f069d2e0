package recipe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/build/recipe/script"
	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// World is what a run reaches outside the Dockerfile and its context.
type World struct {
	// Scratch is a private folder that is there. What lies in it makes the next
	// run faster, and layers are read from it until then. Two runs must not have
	// the same one at the same time.
	Scratch string
	// Dockerfile is the path of the file, for NAME.dockerignore beside it; may be
	// empty.
	Dockerfile string
	// Base returns an image of a platform, "linux/arm64". Nil: there are none.
	Base func(ctx context.Context, ref, platform string) (v1.Image, error)
	// Go runs the go command; nil for that of this machine.
	Go func(ctx context.Context, c script.GoCommand) (string, error)
	// Roots are the certificates of the public authorities, in PEM, and Zones the
	// files of /usr/share/zoneinfo: for the packages ca-certificates and tzdata.
	Roots func() []byte
	Zones func() ([]layer.Entry, error)
	// Progress is told each instruction before it is executed; may be nil.
	Progress func(step string)
}

// Result is what the target adds to its base image.
type Result struct {
	Base   v1.Image        // nil for scratch
	Config v1.Config       // complete: that of the base with the changes
	Author string          // of MAINTAINER
	Layers [][]layer.Entry // from the lowest up; their content lies in World.Scratch
	Go     string          // the Go that compiled, "go1.26.8"; "" when none did
}

// run is one execution of a plan.
type run struct {
	plan    *Plan
	world   World
	file    *file
	context *buildContext
	machine script.Machine
	here    string // the Go of this machine
	stages  map[int]*stage
	images  map[string]v1.Image
	indexes map[string]*tree.Index
	trees   []*tree.Tree // of images that something is copied from
	release string
}

// Run executes the plan on a build context. A plan that is not native gives its
// *Foreign, and so does what shows only now not to be: a package that needs C, a
// module that is missing.
func (p *Plan) Run(ctx context.Context, dir string, w World) (result Result, err error) {
	if p.Reason != nil {
		return Result{}, p.Reason
	}
	f, err := p.read()
	if err != nil {
		return Result{}, err
	}
	r := &run{
		plan: p, world: w, file: f, stages: map[int]*stage{},
		images: map[string]v1.Image{}, indexes: map[string]*tree.Index{},
	}
	if err := r.open(dir); err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	for _, index := range f.needed {
		if err := r.stage(ctx, index); err != nil {
			return Result{}, err
		}
	}
	return r.result(ctx)
}

func (r *run) open(dir string) error {
	scratch, err := filepath.EvalSymlinks(r.world.Scratch)
	if err == nil {
		scratch, err = filepath.Abs(scratch)
	}
	if err != nil {
		return fmt.Errorf("open the folder for stages: %w", err)
	}
	r.world.Scratch = scratch
	stages := filepath.Join(scratch, "stages")
	if err := os.RemoveAll(stages); err != nil {
		return fmt.Errorf("clear the folder for stages: %w", err)
	}
	for _, dir := range []string{stages, r.temp()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make a folder for stages: %w", err)
		}
	}
	r.machine = r.newMachine()
	r.context, err = openContext(dir, r.world.Dockerfile)
	return err
}

func (r *run) close() error {
	err := r.context.root.Close()
	for _, s := range r.stages {
		if s.tree != nil {
			err = errors.Join(err, s.tree.Close())
		}
	}
	for _, t := range r.trees {
		err = errors.Join(err, t.Close())
	}
	return err
}

// temp is for the go command's own files, on the disk of the programs.
func (r *run) temp() string { return filepath.Join(r.world.Scratch, "tmp") }

// stage executes one stage.
func (r *run) stage(ctx context.Context, index int) error {
	s := newStage(r.plan, r.file, index)
	s.run = r
	r.stages[index] = s
	st := r.file.stages[index]
	from := Step{Line: lineOf(st.Location), Text: oneLine(st.SourceCode)}
	if err := r.begin(ctx, s); err != nil {
		return r.explain(from, err)
	}
	for _, cmd := range st.Commands {
		step := Step{Line: lineOf(cmd.Location()), Text: oneLine(textOf(cmd))}
		if r.world.Progress != nil {
			r.world.Progress(step.Text)
		}
		s.tree.Step()
		if err := s.do(ctx, cmd); err != nil {
			return r.explain(step, err)
		}
	}
	return r.recordGo(ctx, s)
}

// explain gives the place to an error, and says whether another builder may do
// what this one does not.
func (r *run) explain(step Step, err error) error {
	if refusal := (*script.RefusalError)(nil); errors.As(err, &refusal) {
		return r.plan.foreign(r.file, step, refusal)
	}
	return &Error{File: r.file.name, Line: step.Line, Err: err}
}

// begin makes the tree of a stage.
func (r *run) begin(ctx context.Context, s *stage) error {
	dir := filepath.Join(r.world.Scratch, "stages", strconv.Itoa(s.index))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	s.facts.Out = filepath.Join(r.world.Scratch, "programs", strconv.Itoa(s.index))
	if s.facts.Golang {
		here, err := r.goHere(ctx)
		if err != nil {
			return err
		}
		s.facts.Toolchain = s.root().toolchain(here)
	}
	if s.base.kind == fromStage {
		before := r.stages[s.base.stage]
		s.inherit(before)
		var err error
		s.tree, err = before.tree.Clone(dir, s.facts.Result)
		return err
	}
	below, config, err := r.below(ctx, s)
	if err != nil {
		return err
	}
	if s.tree, err = tree.New(dir, below, s.facts.Result); err != nil {
		return err
	}
	s.begin(config)
	if s.base.kind == fromScratch {
		return nil
	}
	return s.tree.MkdirAll(ctx, s.config.WorkingDir, 0o755, tree.Owner{})
}

// below returns what a stage stands on. The Go image of a stage that is not the
// result is not fetched, unless a file of it is asked for.
func (r *run) below(ctx context.Context, s *stage) (tree.Below, v1.Config, error) {
	if s.base.kind == fromScratch {
		return tree.Below{}, plainConfig(s.base), nil
	}
	below := tree.Below{Image: func(ctx context.Context) (*tree.Index, error) {
		return r.index(ctx, s.base.name, s.base.platform)
	}}
	if s.base.kind == fromGolang && !s.facts.Result {
		below.Seeds, below.Holds = r.golangSeeds(ctx, s.base), inGolangImage
		return below, plainConfig(s.base), nil
	}
	image, err := r.image(ctx, s.base.name, s.base.platform)
	if err != nil {
		return below, v1.Config{}, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return below, v1.Config{}, fmt.Errorf("read the configuration of %s: %w", s.base.name, err)
	}
	if len(config.Config.OnBuild) > 0 {
		return below, v1.Config{}, refuse("%s has ONBUILD instructions", s.base.name)
	}
	return below, config.Config, nil
}

func (r *run) image(ctx context.Context, ref string, p platform) (v1.Image, error) {
	key := ref + " " + p.String()
	if image, known := r.images[key]; known {
		return image, nil
	}
	if r.world.Base == nil {
		return nil, fmt.Errorf("get image %s: %w", ref, errNoImage)
	}
	image, err := r.world.Base(ctx, ref, p.String())
	if err != nil {
		return nil, fmt.Errorf("get image %s: %w", ref, err)
	}
	r.images[key] = image
	return image, nil
}

func (r *run) index(ctx context.Context, ref string, p platform) (*tree.Index, error) {
	key := ref + " " + p.String()
	if index, known := r.indexes[key]; known {
		return index, nil
	}
	image, err := r.image(ctx, ref, p)
	if err != nil {
		return nil, err
	}
	index, err := tree.ReadIndex(ctx, image, filepath.Join(r.world.Scratch, "images"))
	if err != nil {
		return nil, err
	}
	r.indexes[key] = index
	return index, nil
}

// imageTree is the files of an image that something is copied from.
func (r *run) imageTree(ctx context.Context, ref string, p platform) (*tree.Tree, error) {
	dir, err := os.MkdirTemp(filepath.Join(r.world.Scratch, "stages"), "image-")
	if err != nil {
		return nil, err
	}
	index, err := r.index(ctx, ref, p)
	if err != nil {
		return nil, err
	}
	t, err := tree.New(dir, tree.Below{Image: tree.Fixed(index)}, false)
	if err == nil {
		r.trees = append(r.trees, t)
	}
	return t, err
}

func (r *run) result(ctx context.Context) (Result, error) {
	s := r.stages[r.file.result[0]]
	if err := s.checkShell(ctx); err != nil {
		return Result{}, err
	}
	layers, err := s.tree.Changes(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("collect the files of the image: %w", err)
	}
	result := Result{Config: s.config, Author: s.author, Layers: layers, Go: r.release}
	if root := s.root(); root.kind != fromScratch {
		result.Base, err = r.image(ctx, root.name, root.platform)
	}
	return result, err
}

// checkShell refuses a command that a shell is to run in an image without one.
func (s *stage) checkShell(ctx context.Context) error {
	for _, c := range []struct {
		name  string
		words []string
	}{{"entrypoint", s.config.Entrypoint}, {"cmd", s.config.Cmd}} {
		line, here := s.lines[c.name]
		if !here || len(c.words) != 3 || c.words[0] != "/bin/sh" || c.words[1] != "-c" {
			continue
		}
		if _, err := s.tree.Stat(ctx, "/bin/sh"); err == nil {
			continue
		}
		return &Error{File: s.file.name, Line: line, Err: fmt.Errorf(
			"%s %s is run by /bin/sh, and %s has none: write it as a list, [\"/app\", \"-flag\"]",
			map[string]string{"entrypoint": "ENTRYPOINT", "cmd": "CMD"}[c.name], c.words[2], cmp.Or(s.root().name, "scratch"),
		)}
	}
	return nil
}
