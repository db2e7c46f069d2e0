package app

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/check"
	"github.com/davit-dev/davit/internal/workshop"
	"github.com/davit-dev/davit/internal/workshop/proof"
)

// Prove builds the Dockerfiles that changes have an effect on, before and after,
// in copies of the project. Nothing is written into it.
func Prove(ctx context.Context, checked Checked, changes check.Changes, progress func(build.Event)) ([]proof.Proof, error) {
	after := map[string][]byte{}
	for _, change := range changes.Files {
		after[change.Path] = change.After
	}
	contexts, err := affected(checked.Project, slices.Sorted(maps.Keys(after)))
	if err != nil {
		return nil, err
	}
	var proofs []proof.Proof
	for _, dockerfile := range slices.Sorted(maps.Keys(contexts)) {
		p, err := proof.Check(ctx, proof.Config{
			Root: checked.Project.Root, Dockerfile: dockerfile, Context: contexts[dockerfile], After: after,
			Davit: Version(), Progress: progress,
		})
		if err != nil {
			return nil, fmt.Errorf("prove %s: %w", dockerfile, err)
		}
		proofs = append(proofs, p)
	}
	return proofs, nil
}

// affected returns the Dockerfiles that files have an effect on, with their build
// contexts: a Dockerfile on itself, any other file on those that have it in their
// context. A file that nothing is built from is an error, since nothing can be
// shown about it.
func affected(p *check.Project, files []string) (map[string]string, error) {
	contexts := buildContexts(p)
	out := map[string]string{}
	for _, file := range files {
		switch folder, isDockerfile := contexts[file]; {
		case file == "-" || !filepath.IsLocal(filepath.FromSlash(file)):
			return nil, notProved("%s is not a file of the project, so it cannot be built", file)
		case isDockerfile:
			out[file] = folder
			continue
		case isCompose(p, file):
			return nil, notProved("no image is built from %s, so nothing can be proved about its fixes; make them without --prove", file)
		}
		found := false
		for dockerfile, folder := range contexts {
			if folder == "." || strings.HasPrefix(file, folder+"/") {
				out[dockerfile], found = folder, true
			}
		}
		if !found {
			return nil, notProved("no Dockerfile has %s in its build context, so nothing can be proved about its fixes", file)
		}
	}
	return out, nil
}

func notProved(format string, args ...any) error {
	return &workshop.InputError{Err: fmt.Errorf("--prove: "+format, args...)}
}

func isCompose(p *check.Project, file string) bool {
	for _, c := range p.Composes {
		if c.Path == file {
			return true
		}
	}
	return false
}

// buildContexts returns the folders that the Dockerfiles are built in. That is
// written down nowhere: it is the one of the Dockerfile's own folder and the
// project's that has more of what is copied, the own one when both have the same.
func buildContexts(p *check.Project) map[string]string {
	out := map[string]string{}
	for _, d := range p.Dockerfiles {
		own := path.Dir(d.Path)
		var sources []string
		for _, s := range d.Stages {
			for _, c := range s.Copies {
				if c.From == "" && c.Source.Known && !strings.ContainsAny(c.Source.Text, "*?[") {
					sources = append(sources, c.Source.Text)
				}
			}
		}
		out[d.Path] = own
		if present(p.Root, ".", sources) > present(p.Root, own, sources) {
			out[d.Path] = "."
		}
	}
	return out
}

// present counts the names that are there in a folder.
func present(root, folder string, names []string) int {
	n := 0
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(folder), filepath.FromSlash(name))); err == nil {
			n++
		}
	}
	return n
}
