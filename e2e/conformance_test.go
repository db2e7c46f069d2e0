package e2e

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// conformanceTests is how many tests the pinned program has with everything
// below switched on. Fewer mean that something was not tested.
const conformanceTests = 986

// conformanceSettings switch on what the program leaves out by default. What
// stays off is data that is sparse: davit takes no manifest whose parts are not
// there.
var conformanceSettings = []string{
	"OCI_VERSION=1.1", "OCI_TLS=disabled",
	"OCI_API_BLOBS_DIGEST_HEADER=true", "OCI_API_BLOBS_UPLOAD_CANCEL=true", "OCI_API_MANIFESTS_DIGEST_HEADER=true",
	"OCI_API_MANIFESTS_TAG_PARAM=true",
}

// TestConformance runs the conformance program of the OCI distribution
// specification against davit's registry. All of it passes.
func TestConformance(t *testing.T) {
	p := newPlatform(t)
	dir := t.TempDir()
	tool := buildConformance(t, dir)
	env := append(os.Environ(), conformanceSettings...)
	env = append(env, "OCI_REGISTRY="+p.status().Registry, "OCI_RESULTS_DIR="+dir,
		"OCI_USERNAME=davit", "OCI_PASSWORD="+p.password())
	r := runCommand(t, dir, env, tool)
	data, err := os.ReadFile(filepath.Join(dir, "junit.xml"))
	if err != nil {
		t.Fatalf("there is no report: %v\n%s%s", err, r.stdout, r.stderr)
	}
	var report struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Skipped  int `xml:"skipped,attr"`
	}
	if err := xml.Unmarshal(data, &report); err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", report)
	if r.code != 0 || report.Failures+report.Errors+report.Skipped > 0 {
		t.Errorf("exit %d:\n%s", r.code, notPassed(r.stdout))
	}
	if report.Tests < conformanceTests {
		t.Errorf("%d tests were run, not %d", report.Tests, conformanceTests)
	}
}

// notPassed leaves out the lines of what passed.
func notPassed(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(strings.TrimSpace(line), ": Pass") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// buildConformance builds the program that tools/conformance.mod pins.
func buildConformance(t *testing.T, dir string) string {
	t.Helper()
	modfile, err := filepath.Abs("../tools/conformance.mod")
	if err != nil {
		t.Fatal(err)
	}
	tool := filepath.Join(dir, "conformance")
	clean(t, runCommand(t, "", append(os.Environ(), "CGO_ENABLED=0"), "go", "build", "-modfile="+modfile, "-o", tool,
		"github.com/opencontainers/distribution-spec/conformance"))
	return tool
}
