// Command dockerfiles asks of the Dockerfiles of public modules which would be
// built natively, and prints the answer as a page of the documentation. The
// modules are those of modules.txt, fetched through the Go proxy.
package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/davit-dev/davit/internal/build/recipe"
)

//go:embed modules.txt
var modules string

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "dockerfiles:", err)
		os.Exit(1)
	}
}

// found is one Dockerfile.
type found struct {
	module, path string
	native       bool
	reason       string
}

func run(ctx context.Context) error {
	var all []found
	lines := bufio.NewScanner(strings.NewReader(modules))
	for lines.Scan() {
		dir, err := fetch(ctx, lines.Text())
		if err != nil {
			return err
		}
		list, err := look(lines.Text(), dir)
		if err != nil {
			return err
		}
		all = append(all, list...)
	}
	report(all)
	return nil
}

func fetch(ctx context.Context, module string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	cmd.Dir = os.TempDir()
	output, err := cmd.Output()
	var answer struct{ Dir, Error string }
	if decodeErr := json.Unmarshal(output, &answer); decodeErr != nil || answer.Error != "" {
		return "", errors.Join(fmt.Errorf("fetch %s: %s", module, answer.Error), err, decodeErr)
	}
	return answer.Dir, nil
}

// makesGo matches files that build a Go program in one way or another.
var makesGo = regexp.MustCompile(`(?i)\bgo (build|install|get)\b|from\s+(\S+\s+)?golang[:@]|\bmake\b`)

// look finds the Dockerfiles of a module that are about its programs.
func look(module, dir string) ([]found, error) {
	var all []found
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			switch entry.Name() {
			case "testdata", "test", "tests", "node_modules", ".devcontainer", "examples", "vendor":
				return fs.SkipDir
			}
			return nil
		}
		if !strings.EqualFold(entry.Name(), "Dockerfile") {
			return nil
		}
		data, err := os.ReadFile(path) //nolint:gosec // in the module cache, which nobody changes
		if err != nil || !makesGo.Match(data) || !bytes.Contains(bytes.ToLower(data), []byte("golang")) {
			return err
		}
		one := found{module: module, path: strings.TrimPrefix(path, dir+"/")}
		plan, err := recipe.Parse(data, recipe.Options{Name: path, Context: dir, Args: map[string]string{"SOURCE_DATE_EPOCH": "0"}})
		switch {
		case err != nil:
			one.reason = err.Error()
		case plan.Native():
			one.native = true
		default:
			one.reason = fmt.Sprintf("line %d: %s", plan.Reason.Line, plan.Reason.Reason)
		}
		all = append(all, one)
		return nil
	})
	return all, err
}

func report(all []found) {
	native, seen := 0, map[string]bool{}
	for _, f := range all {
		seen[f.module] = true
		if f.native {
			native++
		}
	}
	fmt.Printf("# Dockerfiles of public modules\n\nWhat `davit build -f Dockerfile --plan` says of the Dockerfiles in %d public modules that build a Go program: "+
		"%d of %d natively (%.0f %%). The others are handed to Docker, Podman or BuildKit where one is there. Made by `make docs`.\n\n"+
		"| module | file | native | why not |\n|---|---|---|---|\n", len(seen), native, len(all), 100*float64(native)/float64(max(1, len(all))))
	for _, f := range all {
		mark := "no"
		if f.native {
			mark = "yes"
		}
		fmt.Printf("| %s | %s | %s | %s |\n", f.module, f.path, mark, strings.ReplaceAll(f.reason, "|", "\\|"))
	}
}
