package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/davit-dev/davit/internal/check"
	"github.com/davit-dev/davit/internal/config"
)

// CheckConfig is what `davit check` can be told.
type CheckConfig struct {
	Paths  []string  // files and folders; "-" alone is Stdin
	Stdin  io.Reader // a Dockerfile
	FailOn string    // "" for what davit.yaml says
}

// Checked is a project and what is wrong with it.
type Checked struct {
	Project  *check.Project
	Findings []check.Finding
	Config   check.Config
}

// Failed says whether a finding is as bad as the configuration asks for.
func (c Checked) Failed() bool { return check.Failed(c.Findings, c.Config.FailOn) }

// Check looks at the project around the current folder. No module is needed:
// the rules that ask for one are quiet without.
func Check(ctx context.Context, cfg CheckConfig) (Checked, error) {
	root, err := projectRoot()
	if err != nil {
		return Checked{}, err
	}
	settings, err := checkSettings(root)
	if err != nil {
		return Checked{}, err
	}
	if cfg.FailOn != "" {
		if err := settings.FailOn.UnmarshalText([]byte(cfg.FailOn)); err != nil {
			return Checked{}, fmt.Errorf("--fail-on: %w", err)
		}
	}
	project, err := loadProject(ctx, root, cfg)
	if err != nil {
		return Checked{}, err
	}
	return Checked{Project: project, Findings: check.Run(project, settings), Config: settings}, nil
}

func loadProject(ctx context.Context, root string, cfg CheckConfig) (*check.Project, error) {
	if slices.Equal(cfg.Paths, []string{"-"}) {
		return check.LoadReader(root, cfg.Stdin)
	}
	return check.Load(ctx, root, cfg.Paths)
}

// projectRoot is the nearest folder with a davit.yaml, go.mod or .git, or the
// current one.
func projectRoot() (string, error) {
	current, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the current folder: %w", err)
	}
	for dir := current; ; dir = filepath.Dir(dir) {
		for _, mark := range []string{config.FileName, "go.mod", ".git"} {
			if _, err := os.Stat(filepath.Join(dir, mark)); err == nil {
				return dir, nil
			}
		}
		if dir == filepath.Dir(dir) {
			return current, nil
		}
	}
}

func checkSettings(root string) (check.Config, error) {
	settings, err := config.Load(root, "app")
	if errors.Is(err, os.ErrNotExist) {
		return check.DefaultConfig(), nil
	}
	return settings.Check, err
}
