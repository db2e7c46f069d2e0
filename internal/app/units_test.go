package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/certificate"
)

// TestUnits lets systemd itself read the units.
func TestUnits(t *testing.T) {
	cfg := DefaultServeConfig()
	cfg.Data = filepath.Join(t.TempDir(), "a b%c")
	cfg.AccessLog = filepath.Join(cfg.Data, "access.log")
	cfg.Edge, cfg.Secure = ":80", SecureConfig{Listen: ":443", Plain: PlainServe, Port: 443, ACME: certificate.ACME{Email: "ops@example.com", RootFile: "r.pem"}}
	cfg.Limits = EdgeLimits{ClientConnections: 8000, Body: 1 << 20}
	units, err := Units(cfg)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var files []string
	for _, u := range units {
		files = append(files, filepath.Join(dir, u.Name))
		if err := os.WriteFile(files[len(files)-1], []byte(u.Text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if len(units) != 5 || !strings.Contains(units[0].Text, `--data "`) || !strings.Contains(units[0].Text, `a b%%c"`) {
		t.Errorf("%d units, the first is\n%s", len(units), units[0].Text)
	}
	if !strings.Contains(units[0].Text, "\nDelegate=yes\nDelegateSubgroup=davit\n") {
		t.Errorf("davit cannot divide its cgroup:\n%s", units[0].Text)
	}
	if !strings.Contains(units[0].Text, " --max-client-connections 8000 --max-body 1048576") {
		t.Errorf("the limits are missing:\n%s", units[0].Text)
	}
	if !strings.Contains(units[0].Text, " --edge-tls :443 --plain serve --edge-tls-port 443 --acme-email ops@example.com --acme-root /") {
		t.Errorf("the flags of TLS are missing:\n%s", units[0].Text)
	}
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("SKIP: systemd-analyze is not on PATH")
	}
	out, err := exec.CommandContext(t.Context(), tool, append([]string{"verify", "--man=no"}, files...)...).CombinedOutput()
	var complaints []string
	for line := range strings.Lines(string(out)) {
		old := strings.Contains(line, "Unknown key 'DelegateSubgroup'") // systemd before 254 goes on without it
		if strings.Contains(line, dir) && !old {
			complaints = append(complaints, line)
		}
	}
	if err != nil || len(complaints) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
