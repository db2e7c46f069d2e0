package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/davit-dev/davit/internal/config"
	"github.com/davit-dev/davit/internal/source"
	"github.com/davit-dev/davit/internal/workshop"
)

// InitError says that a file is there already; nothing was written.
type InitError struct {
	Path string
}

// Error implements error.
func (e *InitError) Error() string { return e.Path + " exists already, and is left as it is" }

// InitConfig is what `davit init` can be told.
type InitConfig struct {
	Dir string
	CI  string // forge that a workflow is written for: github, gitlab or ""
}

// Init writes a commented davit.yaml for the module in a folder, and a workflow
// when one is asked for, and returns the files that it wrote. With a workflow, a
// davit.yaml may be there already.
func Init(ctx context.Context, cfg InitConfig) ([]string, error) {
	file, known := workflows()[cfg.CI]
	if cfg.CI != "" && !known {
		return nil, &workshop.InputError{Err: fmt.Errorf("--ci: %q is neither github nor gitlab", cfg.CI)}
	}
	tree, err := source.Load(ctx, cfg.Dir)
	if err != nil {
		return nil, err
	}
	main, err := likelyMain(tree)
	if err != nil {
		return nil, err
	}
	var written []string
	if known {
		folder := repositoryFolder(tree.Dir)
		name := filepath.Join(strings.TrimSuffix(tree.Dir, filepath.FromSlash(folder)), filepath.FromSlash(file.path))
		if err := writeNew(name, file.in(folder)); err != nil {
			return nil, err
		}
		written = append(written, name)
	}
	name := filepath.Join(tree.Dir, config.FileName)
	err = writeNew(name, config.Sample(config.SampleData{Module: tree.Module, Main: main}))
	switch exists := (*InitError)(nil); {
	case err == nil:
		written = append(written, name)
	case !known || !errors.As(err, &exists):
		return written, err
	}
	return written, nil
}

// likelyMain is the main package that a davit.yaml has to name: none where there
// is only one, otherwise the one that is called like the module.
func likelyMain(tree source.Tree) (string, error) {
	if len(tree.Mains) == 1 {
		return "", nil
	}
	name := config.NameOf(tree.Module)
	for _, main := range tree.Mains {
		if main.Name == name {
			return main.Dir, nil
		}
	}
	if len(tree.Mains) == 0 {
		_, err := tree.Main("")
		return "", err
	}
	return tree.Mains[0].Dir, nil
}
