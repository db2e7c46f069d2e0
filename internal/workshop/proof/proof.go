// Package proof turns a change of files into a proof that the images which are
// built from them do what they did: each Dockerfile is built before and after,
// in a copy of the project, and the programs are compared.
//
// Its invariant: nothing is written into the project, and nothing is called
// proved that was not built. The images are built by workshop; a program that is
// not the same is started, without network and in a file system of its own.
package proof

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/build/explain"
	"github.com/davit-dev/davit/internal/workshop"
)

// Verdict says how much is proved.
type Verdict string

// The verdicts. With Same and Starts the change can be made.
const (
	Same   Verdict = "same"   // the programs are the same, bit for bit
	Starts Verdict = "starts" // the program differs, or there was none before; it builds and starts
	Fails  Verdict = "fails"  // it does not build any more, or does not start
	Open   Verdict = "open"   // neither could be shown
)

// Holds says whether the change can be made.
func (v Verdict) Holds() bool { return v == Same || v == Starts }

// Config says what is to be proved.
type Config struct {
	Root       string            // folder of the project, absolute
	Dockerfile string            // relative to Root, with slashes
	Context    string            // of the build, relative to Root, with slashes
	After      map[string][]byte // files as they would be, by path relative to Root
	Davit      string            // its version
	Progress   func(build.Event)
}

// Proof is what was shown about one Dockerfile.
type Proof struct {
	Dockerfile  string               `json:"dockerfile"`
	Verdict     Verdict              `json:"verdict"`
	Reason      string               `json:"reason"` // what was seen, for people
	Before      *Image               `json:"before"` // nil: it did not build
	After       *Image               `json:"after"`
	Differences []explain.Difference `json:"differences,omitempty"` // between the images, but for their layers
}

// Image is what is known of an image.
type Image struct {
	Bytes    int64             `json:"bytes"` // compressed
	Layers   int               `json:"layers"`
	Programs map[string]string `json:"programs"` // written in Go: path → SHA-256

	description explain.Description
	layout      string
}

// Check builds before and after. The error is about what kept it from being
// tried; that something does not build is in the proof.
func Check(ctx context.Context, cfg Config) (Proof, error) {
	dir, err := os.MkdirTemp("", "davit-proof-")
	if err != nil {
		return Proof{}, fmt.Errorf("make a folder for the proof: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	t := trial{cfg: cfg, project: filepath.Join(dir, "project"), dir: dir}
	if err := copyTree(ctx, cfg.Root, t.project); err != nil {
		return Proof{}, fmt.Errorf("copy the project: %w", err)
	}
	before, brokenBefore := t.image(ctx, "before")
	if err := t.change(); err != nil {
		return Proof{}, err
	}
	after, brokenAfter := t.image(ctx, "after")
	if ctx.Err() != nil {
		return Proof{}, context.Cause(ctx)
	}
	p := Proof{Dockerfile: cfg.Dockerfile, Before: before, After: after}
	switch {
	case brokenAfter != nil && brokenBefore != nil:
		p.Verdict, p.Reason = Open, "it builds neither before nor after: "+t.shown(brokenAfter)
	case brokenAfter != nil:
		p.Verdict, p.Reason = Fails, "it builds before and not after: "+t.shown(brokenAfter)
	default:
		err = p.judge(ctx, dir)
	}
	return p, err
}

// trial is one copy of the project, which is built twice: in the same folder,
// because programs may hold its name.
type trial struct {
	cfg          Config
	dir, project string
}

func (t trial) image(ctx context.Context, name string) (*Image, error) {
	layout := filepath.Join(t.dir, name)
	built, err := workshop.Build(ctx, workshop.Order{
		Targets:    []string{filepath.Join(t.project, filepath.FromSlash(t.cfg.Context))},
		Dockerfile: filepath.Join(t.project, filepath.FromSlash(t.cfg.Dockerfile)),
		Layout:     layout, SBOM: []string{"none"}, Davit: t.cfg.Davit, Progress: t.cfg.Progress,
	})
	if err != nil {
		return nil, err
	}
	described, err := explain.Load(ctx, layout, explain.Options{})
	if err != nil {
		return nil, err
	}
	image := &Image{
		Bytes: built[0].Bytes, Layers: len(described.Layers), Programs: map[string]string{}, description: described, layout: layout,
	}
	for name, f := range described.Files {
		if f.Info != nil {
			image.Programs[name] = f.SHA256
		}
	}
	return image, nil
}

// change puts the files into the copy as they would be.
func (t trial) change() error {
	for name, content := range t.cfg.After {
		file := filepath.Join(t.project, filepath.FromSlash(name))
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return fmt.Errorf("change %s in the copy: it is outside of the project", name)
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return fmt.Errorf("change %s in the copy: %w", name, err)
		}
	}
	return nil
}

// judge compares two images; where the programs differ, the later one has to
// start, or else to end as the earlier one does.
func (p *Proof) judge(ctx context.Context, dir string) error {
	main, err := p.After.main()
	if err != nil {
		p.Verdict, p.Reason = Open, err.Error()
		return nil //nolint:nilerr // it is what the proof says
	}
	if p.Before != nil {
		p.Differences = slices.DeleteFunc(explain.Explain(p.Before.description, p.After.description), func(d explain.Difference) bool {
			return d.Kind == explain.LayerKind
		})
		if same, count := p.samePrograms(main); same {
			p.Verdict, p.Reason = Same, fmt.Sprintf("%s is the same, bit for bit%s", main, others(count-1))
			return nil
		}
	}
	after, err := start(ctx, p.After, filepath.Join(dir, "root-after"))
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		p.Verdict, p.Reason = Open, fmt.Sprintf("%s is not the same, and it could not be started: %v", main, err)
		return nil
	case after.well():
		p.Verdict, p.Reason = Starts, fmt.Sprintf("%s is not the same; it builds and starts: %s", main, after)
		return nil
	}
	p.Verdict, p.Reason = Fails, fmt.Sprintf("%s does not start: %s", main, after)
	if p.Before == nil {
		return nil
	}
	before, err := start(ctx, p.Before, filepath.Join(dir, "root-before"))
	if err == nil && after.executed && before.executed && before.code == after.code {
		p.Verdict, p.Reason = Starts, fmt.Sprintf("%s is not the same; here it ends as it did before: %s", main, after)
	}
	return context.Cause(ctx)
}

func others(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return ", and one more program"
	}
	return fmt.Sprintf(", and %d more programs", n)
}

// samePrograms says whether the main program and all others that both images
// have are the same, and how many that are.
func (p *Proof) samePrograms(main string) (same bool, count int) {
	if _, inBoth := p.Before.Programs[main]; !inBoth || p.After.Programs[main] == "" {
		return false, 0
	}
	for name, sum := range p.After.Programs {
		if there := p.Before.Programs[name]; there == sum {
			count++
		} else if there != "" {
			return false, 0
		}
	}
	return p.After.Programs[main] == p.Before.Programs[main], count
}

// main returns the program that an image starts, as its path in the image.
func (i *Image) main() (string, error) {
	command, err := i.command()
	if err != nil {
		return "", err
	}
	for range 40 { // symbolic links, as many as Linux follows
		f, there := i.description.Files[command.path]
		switch {
		case !there:
			return "", fmt.Errorf("the image starts %s, which is not in it", command.path)
		case f.Link == "":
			return command.path, nil
		case path.IsAbs(f.Link):
			command.path = path.Clean(f.Link)
		default:
			command.path = path.Join(path.Dir(command.path), f.Link)
		}
	}
	return "", fmt.Errorf("the image starts %s, which is a link in a circle", command.path)
}

// shown is an error without the name of the copy.
func (t trial) shown(err error) string {
	return replacePath(err.Error(), t.project)
}
