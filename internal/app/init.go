package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/davit-dev/davit/internal/config"
	"github.com/davit-dev/davit/internal/source"
)

// InitError says that a file is there already; nothing was written.
type InitError struct {
	Path string
}

// Error implements error.
func (e *InitError) Error() string { return e.Path + " exists already, and is left as it is" }

// Init writes a commented davit.yaml for the module in a folder and returns the
// files that it wrote.
func Init(ctx context.Context, dir string) ([]string, error) {
	tree, err := source.Load(ctx, dir)
	if err != nil {
		return nil, err
	}
	main, err := likelyMain(tree)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(tree.Dir, config.FileName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil, &InitError{Path: path}
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", config.FileName, err)
	}
	_, err = f.WriteString(config.Sample(config.SampleData{Module: tree.Module, Main: main}))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("write %s: %w", config.FileName, err)
	}
	return []string{path}, nil
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
