package workshop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/build/attest"
	"github.com/davit-dev/davit/internal/build/base"
	"github.com/davit-dev/davit/internal/build/explain"
	"github.com/davit-dev/davit/internal/build/ko"
	"github.com/davit-dev/davit/internal/config"
	"github.com/davit-dev/davit/internal/source"
)

// Reproduced is what building an image once more came to.
type Reproduced struct {
	Reference  string `json:"reference"`
	Digest     string `json:"digest"`               // of the image that was built once before
	Rebuilt    string `json:"rebuilt"`              // of the one that was built now
	Same       bool   `json:"same"`                 // bit for bit
	Difference string `json:"difference,omitempty"` // the first
}

// Reproduce builds an image once more from the provenance beside it and the
// source in dir, and compares the two bit for bit. Where the folder holds
// something else, the commit that the provenance names is taken from its git.
// key, when it is not "", is the public key that has to have signed the
// provenance.
func Reproduce(ctx context.Context, reference, dir, key string, progress func(build.Event)) (Reproduced, error) {
	options := explain.Options{Remote: remotely(ctx, asLoggedIn())}
	if key != "" {
		public, err := attest.LoadPublicKey(key)
		if err != nil {
			return Reproduced{}, input(err)
		}
		options.Key = &public
	}
	opened, err := explain.Open(ctx, reference, options)
	if err != nil {
		return Reproduced{}, err
	}
	statements, err := attest.Statements(ctx, opened.Named, attest.ProvenanceType, options.Key, options.Remote...)
	if err != nil {
		return Reproduced{}, err
	}
	recipe, err := attest.ReadRecipe(statements[0])
	if err != nil {
		return Reproduced{}, err
	}
	tree, clean, err := sourceOf(ctx, dir, recipe)
	if err != nil {
		return Reproduced{}, err
	}
	defer clean()
	image, err := rebuild(ctx, tree, recipe, progress)
	if err != nil {
		return Reproduced{}, err
	}
	r := Reproduced{Reference: reference, Digest: opened.Named.DigestStr(), Rebuilt: image.Digest()}
	if r.Same = r.Digest == r.Rebuilt; r.Same {
		return r, nil
	}
	r.Difference, err = firstDifference(ctx, reference, options, image)
	return r, err
}

// sourceOf finds the tree that an image was built from.
func sourceOf(ctx context.Context, dir string, recipe attest.Recipe) (tree source.Tree, clean func(), err error) {
	nothing := func() {}
	here, err := source.Load(ctx, dir)
	if err != nil {
		return here, nothing, err
	}
	if here.Digest == recipe.Source.Tree {
		return here, nothing, nil
	}
	other := fmt.Errorf("the source in %s is not what the image was built from (%s)", here.Dir, recipe.Source.Tree)
	if recipe.Source.Revision == "" || recipe.Source.Dirty {
		return here, nothing, fmt.Errorf("%w, and that is no commit", other)
	}
	temp, err := os.MkdirTemp("", "davit-reproduce-")
	if err != nil {
		return here, nothing, fmt.Errorf("make a folder for the source: %w", err)
	}
	clean = func() { _ = os.RemoveAll(temp) } // the system clears what stays
	if err := checkOut(ctx, here.Dir, recipe.Source.Revision, temp); err != nil {
		clean()
		return here, nothing, fmt.Errorf("%w, and its commit cannot be had: %w", other, err)
	}
	then, err := source.Load(ctx, temp)
	if err == nil && then.Digest != recipe.Source.Tree {
		err = fmt.Errorf("%w, and neither is commit %s of its git", other, recipe.Source.Revision)
	}
	if err != nil {
		clean()
		return here, nothing, err
	}
	return then, clean, nil
}

// checkOut writes a commit's files of the module in dir into a folder. It runs
// nothing that the repository brings along.
func checkOut(ctx context.Context, dir, revision, to string) error {
	archive := filepath.Join(to, ".davit-archive.tar")
	git := exec.CommandContext(ctx, "git", "-c", "core.attributesFile=/dev/null", "-C", dir, "archive", "--format=tar", "-o", archive, revision, ".")
	if output, err := git.CombinedOutput(); err != nil {
		return fmt.Errorf("git archive: %s", strings.TrimSpace(string(output)))
	}
	if output, err := exec.CommandContext(ctx, "tar", "-C", to, "-xf", archive).CombinedOutput(); err != nil {
		return fmt.Errorf("tar: %s", strings.TrimSpace(string(output)))
	}
	return os.Remove(archive)
}

// rebuild builds with the parameters, the toolchain and the bases of a
// provenance.
func rebuild(ctx context.Context, tree source.Tree, recipe attest.Recipe, progress func(build.Event)) (*build.Image, error) {
	var asked parameters
	if err := json.Unmarshal(recipe.Parameters, &asked); err != nil {
		return nil, fmt.Errorf("read the parameters of the build: %w", err)
	}
	if len(asked.Mains) == 0 {
		return nil, errors.New("read the parameters of the build: they name no main package")
	}
	settings, err := config.Load(tree.Dir, tree.Module)
	if err != nil {
		return nil, err
	}
	lock := base.Lock{Go: recipe.Toolchain, Images: map[string]base.Pinned{}}
	for _, pin := range recipe.Pins {
		pinned := lock.Images[pin.Reference]
		if pinned.Platforms == nil {
			pinned.Platforms = map[string]string{}
		}
		if pin.Platform == "" {
			pinned.Digest = pin.Digest
		} else {
			pinned.Platforms[pin.Platform] = pin.Digest
		}
		lock.Images[pin.Reference] = pinned
	}
	b := &bench{module: tree, settings: settings, lock: lock, order: Order{Progress: progress}}
	b.tree = func(context.Context) (source.Tree, error) { return tree, nil }
	if b.bases, err = newBases(lock, progress); err != nil {
		return nil, err
	}
	j := job{config: asked.Config, wanted: asked.Mains}
	if asked.ImageEnv[ko.DataVariable] == ko.DataPath {
		main, err := tree.Main(asked.Mains[0])
		if err != nil {
			return nil, err
		}
		if j.extra, err = ko.Kodata(filepath.Join(tree.Dir, filepath.FromSlash(main.Dir))); err != nil {
			return nil, err
		}
	}
	images, err := b.images(ctx, j)
	if err != nil {
		return nil, err
	}
	return images[0], nil
}

// firstDifference compares platform by platform.
func firstDifference(ctx context.Context, reference string, options explain.Options, image *build.Image) (string, error) {
	for _, part := range image.Parts() {
		options.Platform = &v1.Platform{OS: part.Platform.OS, Architecture: part.Platform.Architecture, Variant: part.Platform.Variant}
		opened, err := explain.Open(ctx, reference, options)
		if err != nil {
			return "", err
		}
		difference, err := explain.Compare(ctx, opened.Image, part.Image)
		if err != nil || difference != "" {
			return part.Platform.String() + ": " + difference, err
		}
	}
	return "", errors.New("the images are the same, and their digests are not: the index differs")
}
