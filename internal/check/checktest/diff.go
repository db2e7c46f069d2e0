package checktest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/davit-dev/davit/internal/check/fix"
)

// Diff lets git (and patch, where it is there) make the changes.
func Diff(t *testing.T, c fix.Changes) {
	t.Helper()
	tools := [][]string{{"git", "apply", "--unsafe-paths", "-p1", "-"}}
	if _, err := exec.LookPath("patch"); err == nil {
		tools = append(tools, []string{"patch", "--binary", "-s", "-p1"})
	}
	for _, tool := range tools {
		dir := t.TempDir()
		for _, change := range c.Files {
			name := filepath.Join(dir, filepath.FromSlash(change.Path))
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if change.New {
				continue
			}
			if err := os.WriteFile(name, change.Before, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(t.Context(), tool[0], tool[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		cmd.Stdin = bytes.NewReader(c.Diff())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s\n%s", tool[0], err, out, c.Diff())
		}
		for _, change := range c.Files {
			got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(change.Path)))
			if err != nil || !bytes.Equal(got, change.After) {
				t.Fatalf("%s made %q of it, %v; want %q\n%s", tool[0], got, err, change.After, c.Diff())
			}
		}
	}
}
