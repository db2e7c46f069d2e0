package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// script returns what the step with an id of action.yml runs.
func script(t *testing.T, id string) string {
	t.Helper()
	data, err := os.ReadFile("../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, step, found := strings.Cut(string(data), "      id: "+id+"\n")
	_, step, runs := strings.Cut(step, "      run: |\n")
	if !found || !runs {
		t.Fatalf("action.yml has no step %s", id)
	}
	var out strings.Builder
	for line := range strings.Lines(step) {
		text, indented := strings.CutPrefix(line, "        ")
		if !indented && strings.TrimSpace(line) != "" {
			break
		}
		out.WriteString(text)
	}
	return out.String()
}

// step runs a step of the action as a runner does, and returns its outputs.
func step(t *testing.T, id, dir string, env ...string) (outputs map[string]string, printed string, code int) {
	t.Helper()
	temp := t.TempDir()
	output := filepath.Join(temp, "output")
	cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script(t, id))
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "RUNNER_TEMP="+temp, "GITHUB_OUTPUT="+output, "GITHUB_ACTIONS=true"), env...)
	said, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	outputs = map[string]string{}
	written, _ := os.ReadFile(output) // a step that fails early has none
	for line := range strings.Lines(string(written)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		outputs[name] = value
	}
	return outputs, string(said), cmd.ProcessState.ExitCode()
}

func TestAction(t *testing.T) {
	content, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	good, url := "DAVIT_SHA256="+hex.EncodeToString(sum[:]), "DAVIT_URL=file://"+binary
	installed, said, code := step(t, "install", ".", url, good)
	if code != 0 || installed["davit"] == "" {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	for name, env := range map[string][]string{
		"another file": {url, "DAVIT_SHA256=" + strings.Repeat("0", 64)},
		"no sum":       {url, "DAVIT_SHA256="},
	} {
		if outputs, said, code := step(t, "install", ".", env...); code == 0 || outputs["davit"] != "" {
			t.Errorf("%s was installed\n%s", name, said)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nADD app /app\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	davit := "DAVIT=" + installed["davit"]
	outputs, said, code := step(t, "run", dir, davit, "DAVIT_COMMAND=check", "DAVIT_ARGS=--fail-on error")
	if code != 1 || outputs["exit-code"] != "1" || !strings.Contains(said, "::error file=Dockerfile,line=2,") {
		t.Errorf("check: exit code %d, outputs %v\n%s", code, outputs, said)
	}
	if log, err := os.ReadFile(outputs["sarif"]); err != nil || !strings.Contains(string(log), `"ruleId":"DL3020"`) {
		t.Errorf("SARIF: %s, %v", log, err)
	}
	outputs, said, code = step(t, "run", dir, davit, "DAVIT_COMMAND=ci", "DAVIT_ARGS=")
	if code != 1 || outputs["exit-code"] != "1" || !strings.Contains(said, "title=DL3020::") {
		t.Errorf("ci: exit code %d, outputs %v\n%s", code, outputs, said)
	}
	if _, _, code := step(t, "run", dir, davit, "DAVIT_COMMAND=rm", "DAVIT_ARGS="); code != 2 {
		t.Errorf("another command: exit code %d", code)
	}
}
