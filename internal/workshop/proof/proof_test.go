package proof_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/workshop/proof"
)

const (
	dockerfile = "FROM golang:1.26 AS build\nWORKDIR /src\nCOPY . .\nRUN CGO_ENABLED=0 go build -trimpath -o /app .\n" +
		"FROM scratch\nCOPY --from=build /app /app\nENTRYPOINT [\"/app\"]\n"
	waits = "package main\n\nimport \"time\"\n\nfunc main() { time.Sleep(time.Hour) }\n"
	ends  = "package main\n\nimport \"os\"\n\nfunc main() { println(\"no database\"); os.Exit(3) }\n"
)

// project writes a small one and gives builds a cache of their own.
func project(t *testing.T, main string) string {
	t.Helper()
	goCache, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOCACHE", strings.TrimSpace(string(goCache)))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PATH", filepath.Dir(lookPath(t, "go"))) // no other builder
	dir := t.TempDir()
	for name, text := range map[string]string{
		"svc/Dockerfile": dockerfile, "svc/go.mod": "module example.com/app\n\ngo 1.24\n", "svc/main.go": main, ".git/HEAD": "not to be copied",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheck(t *testing.T) {
	static := "CGO_ENABLED=0 go build -trimpath"
	for name, c := range map[string]struct {
		main, file, after string
		verdict           proof.Verdict
		reason            string
	}{
		"a comment":         {waits, "svc/Dockerfile", "# why\n" + dockerfile, proof.Same, "/app is the same, bit for bit"},
		"other flags":       {waits, "svc/Dockerfile", strings.Replace(dockerfile, static, static+" -ldflags=-w", 1), proof.Starts, "/app is not the same; it builds and starts: it was running after 1s"},
		"no program":        {waits, "svc/Dockerfile", strings.Replace(dockerfile, `["/app"]`, `["/other"]`, 1), proof.Open, "the image starts /other, which is not in it"},
		"does not build":    {waits, "svc/main.go", "package main\n\nfunc main() { x }\n", proof.Fails, "it builds before and not after: "},
		"ends":              {waits, "svc/main.go", ends, proof.Fails, "/app does not start: it ended with exit code 3: no database"},
		"ends as before":    {ends, "svc/Dockerfile", strings.Replace(dockerfile, static, static+" -ldflags=-w", 1), proof.Starts, "/app is not the same; here it ends as it did before: it ended with exit code 3"},
		"builds now":        {"package main\n\nfunc main() { x }\n", "svc/main.go", waits, proof.Starts, "it builds and starts"},
		"still a bad build": {"package main\n\nfunc main() { x }\n", "svc/Dockerfile", "# why\n" + dockerfile, proof.Open, "it builds neither before nor after: "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := project(t, c.main)
			p, err := proof.Check(t.Context(), proof.Config{
				Root: dir, Dockerfile: "svc/Dockerfile", Context: "svc", After: map[string][]byte{c.file: []byte(c.after)},
				Davit: "test", Progress: func(build.Event) {},
			})
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(p.Reason, "namespaces") {
				t.Skip("SKIP: NOTHING WAS STARTED: " + p.Reason)
			}
			if p.Verdict != c.verdict || !strings.Contains(p.Reason, c.reason) || strings.Contains(p.Reason, "davit-proof-") {
				t.Errorf("%s: %s", p.Verdict, p.Reason)
			}
			if p.Verdict == proof.Same && (p.Before.Layers != p.After.Layers || p.Before.Bytes == 0 || len(p.After.Programs) != 1) {
				t.Errorf("%+v and %+v", p.Before, p.After)
			}
			written, err := os.ReadFile(filepath.Join(dir, "svc", "Dockerfile"))
			if err != nil || string(written) != dockerfile {
				t.Errorf("the project has changed: %s, %v", written, err)
			}
		})
	}
}
