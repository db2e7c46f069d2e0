package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWorkflow lets actionlint read what 'davit init --ci github' writes, at the
// root of a repository and below it, and a workflow that uses the action.
func TestWorkflow(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles actionlint")
	}
	action, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string]string{
		"action.yml":                  string(action),
		".git/HEAD":                   "ref: refs/heads/main\n",
		".github/workflows/root.yml":  workflows()["github"].in(""),
		".github/workflows/below.yml": workflows()["github"].in("my services/orders"),
		".github/workflows/uses.yml":  usesAction,
	}
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	modfile, err := filepath.Abs("../../tools/actionlint.mod")
	if err != nil {
		t.Fatal(err)
	}
	tool := filepath.Join(t.TempDir(), "actionlint")
	run := func(dir, name string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("../..", "go", "build", "-modfile="+modfile, "-o", tool, "github.com/rhysd/actionlint/cmd/actionlint"); err != nil {
		t.Fatalf("build actionlint: %v\n%s", err, out)
	}
	if out, err := run(dir, tool, "-no-color"); err != nil {
		t.Errorf("actionlint: %v\n%s", err, out)
	}
	bad := strings.Replace(usesAction, "version:", "no-such-input:", 1)
	if err := os.WriteFile(filepath.Join(dir, ".github/workflows/uses.yml"), []byte(bad), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := run(dir, tool, "-no-color"); err == nil || !strings.Contains(out, "no-such-input") {
		t.Errorf("actionlint did not look at the action: %v\n%s", err, out)
	}
}

const usesAction = `name: uses
on: push
permissions: {contents: read}
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - uses: ./
        id: davit
        with:
          version: v1.2.3
          command: check
          args: --all
          working-directory: services/orders
          release-url: https://example.com/davit
          sha256: abc
      - run: echo "${{ steps.davit.outputs.exit-code }} ${{ steps.davit.outputs.davit }} ${{ steps.davit.outputs.sarif }}"
`

func TestWorkflowIn(t *testing.T) {
	for forge, w := range workflows() {
		for folder, want := range map[string]string{"": " .\n", "a/b": " a/b\n", "a b": " \"a b\"\n"} {
			text := w.in(folder)
			if !strings.Contains(text, want) || strings.Contains(text, "GO_") || strings.Contains(text, "VERSION") || !strings.Contains(text, "@latest") {
				t.Errorf("%s in %q:\n%s", forge, folder, text)
			}
		}
	}
}
