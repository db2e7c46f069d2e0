package app

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/config"
	"github.com/davit-dev/davit/internal/source"
)

// BuildConfig is what `davit build` can be told.
type BuildConfig struct {
	Target   string // a folder of the module, or the import path of a main package
	Repo     string // registry/repository to push to, "" for none
	Push     bool   // whether it is pushed when there is one
	Layout   string // folder for an OCI layout, "" for none
	Progress func(build.Event)
}

// Built says what was built and where it is.
type Built struct {
	Name   string `json:"name"` // of the repository, or of the app where nothing is pushed
	Digest string `json:"digest"`
	Bytes  int64  `json:"bytes"` // compressed, with manifest and config
	Pushed bool   `json:"pushed"`
	Layout string `json:"layout,omitempty"`
}

// BuildFolder makes an image and brings it where it should go.
func BuildFolder(ctx context.Context, cfg BuildConfig) (Built, error) {
	dir, main := splitTarget(cfg.Target)
	tree, err := source.Load(ctx, dir)
	if err != nil {
		return Built{}, err
	}
	settings, err := config.Load(tree.Dir, tree.Module)
	if err != nil {
		return Built{}, err
	}
	if main == "" {
		main = mainBelow(tree, dir)
	}
	if main != "" {
		settings.Build.Main = main
	}
	image, err := Build(ctx, tree, settings, cfg.Progress)
	if err != nil {
		return Built{}, err
	}
	built := Built{Name: settings.Name, Digest: image.Digest(), Bytes: image.Size(), Layout: cfg.Layout}
	if cfg.Layout != "" {
		if err := image.WriteLayout(cfg.Layout); err != nil {
			return built, err
		}
	}
	if cfg.Repo == "" {
		return built, nil
	}
	built.Name = cfg.Repo
	if !cfg.Push {
		return built, nil
	}
	built.Pushed = true
	return built, image.Push(ctx, build.Target{Ref: cfg.Repo})
}

// splitTarget tells a folder from an import path: what exists as a folder is
// one, and "./x" always is.
func splitTarget(target string) (dir, main string) {
	info, err := os.Stat(target)
	if (err == nil && info.IsDir()) || strings.HasPrefix(target, ".") || filepath.IsAbs(target) {
		return target, ""
	}
	return ".", target
}

// mainBelow names the main package in a folder below the module's own, so that
// 'davit build ./cmd/x' builds x. In other folders davit.yaml decides.
func mainBelow(tree source.Tree, dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	rel, err := filepath.Rel(tree.Dir, abs)
	if err != nil || rel == "." {
		return ""
	}
	for _, main := range tree.Mains {
		if main.Dir == filepath.ToSlash(rel) {
			return main.Dir
		}
	}
	return ""
}
