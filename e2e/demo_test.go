package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func answers(url string) bool {
	resp, err := http.Get(url)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return drain(resp.Body) == nil && resp.StatusCode == http.StatusOK
}

func TestDemo(t *testing.T) {
	r := runCommand(t, t.TempDir(), os.Environ(), binary, "demo", "--json")
	if r.code != 0 {
		t.Fatalf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	var result struct {
		Releases []struct {
			Version  string           `json:"version"`
			Outcome  string           `json:"outcome"`
			Seconds  float64          `json:"seconds"`
			Requests map[string]int64 `json:"requests"`
			Failed   map[string]int64 `json:"failed"`
			E        *float64         `json:"e"`
		} `json:"releases"`
		Failed *int64 `json:"failed_on_good_versions"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &result); err != nil {
		t.Fatal(err)
	}
	want := []string{"live", "rolled_back", "live"}
	if len(result.Releases) != len(want) || result.Failed == nil || *result.Failed != 0 {
		t.Fatalf("got %+v", result)
	}
	for i, one := range result.Releases {
		if one.Outcome != want[i] || (one.E == nil) != (i == 0) {
			t.Errorf("%s ended %s, e %v", one.Version, one.Outcome, one.E)
		}
	}
	if bad := result.Releases[1]; bad.Failed["v2"] == 0 || *bad.E < 100 {
		t.Errorf("v2 was rolled back for %v failures and E %v", bad.Failed, *bad.E)
	}
}

// TestDemoLeavesNothingRunning interrupts the tour and looks for its processes.
func TestDemoLeavesNothingRunning(t *testing.T) {
	cmd := exec.Command(binary, "demo", "--keep")
	cmd.Env = append(os.Environ(), "DAVIT_E2E_MARK="+t.TempDir())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(6 * time.Second) // somewhere in the middle of it
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		t.Logf("the tour ended: %v", err)
	case <-time.After(time.Minute):
		_ = cmd.Process.Kill()
		t.Fatalf("it does not end:\n%s", stderr.String())
	}
	mark := cmd.Env[len(cmd.Env)-1]
	until(t, "the end of everything", 10*time.Second, func() bool { return len(marked(t, mark)) == 0 })
}

// marked lists the processes that have a variable in their environment, which
// davit's own processes inherit from it.
func marked(t *testing.T, mark string) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		environ, err := os.ReadFile("/proc/" + e.Name() + "/environ")
		if err == nil && strings.Contains(string(environ), mark) {
			found = append(found, e.Name())
		}
	}
	return found
}
