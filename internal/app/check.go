package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/davit-dev/davit/internal/check"
	"github.com/davit-dev/davit/internal/check/baseline"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/hadolintfile"
	"github.com/davit-dev/davit/internal/config"
	"github.com/davit-dev/davit/internal/workshop"
	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// CheckConfig is what `davit check` can be told.
type CheckConfig struct {
	Dir      string    // whose project is looked at; "" for the current folder
	Paths    []string  // files and folders; "-" alone is Stdin
	Stdin    io.Reader // a Dockerfile
	FailOn   string    // "" for what davit.yaml says
	All      bool      // the rules that are off too
	Baseline string    // file of the findings that are known; "" for none
}

// Checked is a project and what is wrong with it.
type Checked struct {
	Project  *check.Project
	Findings []check.Finding
	Config   check.Config
	Folder   string           // of the project in its repository, with slashes; "" at the root
	Warnings []error          // about configuration that is passed over
	Hidden   int              // findings that the baseline knows
	Gone     []baseline.Entry // what of the baseline does not occur any more

	known *baseline.Baseline
}

// Failed says whether a finding is as bad as the configuration asks for.
func (c Checked) Failed() bool { return check.Failed(c.Findings, c.Config.FailOn) }

// Check looks at the project around a folder. No module is needed: the rules
// that ask for one are quiet without.
func Check(ctx context.Context, cfg CheckConfig) (Checked, error) {
	root, err := projectRoot(cfg.Dir)
	if err != nil {
		return Checked{}, err
	}
	settings, warnings, err := checkSettings(root)
	if err != nil {
		return Checked{}, err
	}
	if cfg.FailOn != "" {
		if err := settings.FailOn.UnmarshalText([]byte(cfg.FailOn)); err != nil {
			return Checked{}, &workshop.InputError{Err: fmt.Errorf("--fail-on: %w", err)}
		}
	}
	if cfg.All {
		settings.Enable = []string{"all"}
	}
	shellcheck, err := findShellCheck(settings.ShellCheck)
	if err != nil {
		return Checked{}, err
	}
	settings = settings.Asking(shellcheck)
	project, err := loadProject(ctx, root, cfg)
	if err != nil {
		return Checked{}, err
	}
	checked := Checked{Project: project, Config: settings, Folder: repositoryFolder(project.Root), Warnings: warnings}
	if cfg.Baseline != "" {
		if checked.known, err = readBaseline(cfg.Baseline); err != nil {
			return Checked{}, err
		}
		if len(cfg.Paths) > 0 {
			*checked.known = checked.known.Looked(project)
		}
	}
	checked.found(check.Run(project, settings))
	return checked, nil
}

// findShellCheck returns the path of shellcheck when it is to be asked. The
// variable DAVIT_SHELLCHECK has a say before the configuration.
func findShellCheck(when check.ShellCheck) (string, error) {
	if word := os.Getenv("DAVIT_SHELLCHECK"); word != "" {
		when = check.ShellCheck(word)
	}
	if when == check.ShellCheckOff {
		return "", nil
	}
	program, err := exec.LookPath("shellcheck")
	if err != nil && when == check.ShellCheckRequired {
		return "", &workshop.InputError{Err: fmt.Errorf("check.shellcheck is required, and it is not on PATH; install it, or say auto: %w", err)}
	}
	return program, nil // empty when it is not there
}

// found takes over findings, without those that the baseline knows.
func (c *Checked) found(findings []check.Finding) {
	c.Findings = findings
	if c.known != nil {
		c.Findings, c.Hidden, c.Gone = c.known.Hide(c.Project, findings)
	}
}

// Fixed returns the project with what fixes of a level of safety make of it, and
// those changes. Nothing is written.
func (c Checked) Fixed(level finding.Safety) (Checked, check.Changes) {
	changes := check.Apply(c.Project, c.Config, level)
	c.Project = changes.Project
	c.found(changes.Findings)
	return c, changes
}

func loadProject(ctx context.Context, root string, cfg CheckConfig) (*check.Project, error) {
	if slices.Equal(cfg.Paths, []string{"-"}) {
		return check.LoadReader(root, cfg.Stdin)
	}
	return check.Load(ctx, root, cfg.Paths)
}

// projectRoot is the nearest folder with a davit.yaml, go.mod or .git at or above
// a folder, or that folder itself.
func projectRoot(folder string) (string, error) {
	current, err := filepath.Abs(folder)
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

// repositoryFolder returns where a folder is in the git repository around it.
func repositoryFolder(root string) string {
	for dir := root; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil && dir != root {
			rel, err := filepath.Rel(dir, root)
			if err != nil {
				return ""
			}
			return filepath.ToSlash(rel)
		} else if err == nil || dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// checkSettings reads what hadolint's configuration says and, over it, davit.yaml.
// The warnings are about what of hadolint's is passed over.
func checkSettings(root string) (settings check.Config, warnings []error, err error) {
	rules := check.Rules()
	theirs, err := hadolintfile.Load(root, rules)
	if err != nil {
		return check.Config{}, nil, &workshop.InputError{Err: err}
	}
	for _, w := range theirs.Warnings {
		warnings = append(warnings, w)
	}
	ours, err := config.LoadCheck(root, theirs.Base)
	return theirs.Under(ours, rules), warnings, err
}

func readBaseline(name string) (*baseline.Baseline, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read baseline: %w", err)
	}
	b, err := baseline.Parse(name, data)
	if err != nil {
		return nil, &workshop.InputError{Err: err}
	}
	return &b, nil
}

// WriteBaseline writes the findings into a file, so that later checks pass them
// over.
func (c Checked) WriteBaseline(name string) error {
	var out bytes.Buffer
	err := baseline.Of(c.Project, c.Findings).Write(&out)
	if err == nil {
		err = atomicfile.Write(name, out.Bytes(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write baseline %s: %w", name, err)
	}
	return nil
}
