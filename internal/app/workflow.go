package app

import (
	_ "embed" // the files are what their readers will see
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

//go:embed workflow/github.yml
var gitHubWorkflow string

//go:embed workflow/gitlab.yml
var gitLabWorkflow string

// workflow is a file that has a forge run `davit ci`.
type workflow struct {
	path string // in the repository, with slashes
	text string
}

// workflows returns them by the names that --ci takes.
func workflows() map[string]workflow {
	return map[string]workflow{
		"github": {".github/workflows/davit.yml", gitHubWorkflow},
		"gitlab": {".gitlab-ci.yml", gitLabWorkflow},
	}
}

var released = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

// installable returns the version of davit that a workflow installs: this one,
// where it is one that others can have.
func installable() string {
	if v := Version(); released.MatchString(v) {
		return v
	}
	return "latest"
}

// in returns the text for a module in a folder of the repository, with slashes
// and "" for the root.
func (w workflow) in(folder string) string {
	return strings.NewReplacer(
		"VERSION", installable(), "FOLDER", scalar(path.Join(".", folder)),
		"GO_MOD", scalar(path.Join(folder, "go.mod")), "GO_SUM", scalar(path.Join(folder, "go.sum")),
	).Replace(w.text)
}

var plainScalar = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./-]*$`)

// scalar writes a path so that YAML reads it back.
func scalar(path string) string {
	if plainScalar.MatchString(path) {
		return path
	}
	return strconv.Quote(path)
}

// writeNew writes a file that must not be there yet.
func writeNew(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, os.ErrExist) {
		return &InitError{Path: name}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
