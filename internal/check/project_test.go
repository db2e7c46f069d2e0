package check_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/davit-dev/davit/internal/check"
	"github.com/davit-dev/davit/internal/check/checktest"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/fix"
	"github.com/davit-dev/davit/internal/check/rule"
)

const add = "FROM scratch\nADD app /app\n"

// few are the rules that the tests of the frame look with.
func few() rule.Set { return checktest.Only(check.Rules(), "DL3020", "GO111", "GO201", "GO301") }

func folder(t *testing.T, archive string) string {
	t.Helper()
	return checktest.Write(t, txtar.Parse([]byte(archive)).Files)
}

func paths(p *check.Project) []string {
	var out []string
	for _, d := range p.Dockerfiles {
		out = append(out, d.Path)
	}
	return out
}

// A path outside of the root is looked at when the user names it.
func TestLoadOutsideOfTheRoot(t *testing.T) {
	dir := folder(t, "-- root/x --\n-- other/Dockerfile --\nFROM golang:1.20\nCOPY . .\nRUN go build\n-- other/go.mod --\nmodule x\n\ngo 1.24.1\n")
	p, err := check.Load(t.Context(), filepath.Join(dir, "root"), []string{filepath.Join(dir, "other")})
	if err != nil {
		t.Fatal(err)
	}
	findings := few().Run(p, rule.DefaultConfig())
	if len(findings) == 0 || findings[0].File != "../other/Dockerfile" || findings[0].Code != "GO111" {
		t.Errorf("got %+v", findings)
	}
}

func TestSymbolicLinks(t *testing.T) {
	dir := folder(t, "-- root/real/one --\n"+add+"-- outside/Dockerfile --\n"+add)
	root := filepath.Join(dir, "root")
	for from, to := range map[string]string{
		"Dockerfile":      "real/one",
		"Dockerfile.same": "real/one",
		"Dockerfile.out":  "../outside/Dockerfile",
		"Dockerfile.lost": "nowhere",
		"folder":          "../outside",
	} {
		if err := os.Symlink(to, filepath.Join(root, from)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(root, "Dockerfile.fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := check.Load(t.Context(), root, nil)
	if err != nil || !slices.Equal(paths(p), []string{"Dockerfile"}) {
		t.Fatalf("got %q, %v", paths(p), err)
	}
	if _, err := check.Load(t.Context(), root, []string{filepath.Join(root, "Dockerfile.out")}); err == nil {
		t.Error("a link that leads out of the project was followed")
	}
	if err := fix.Apply(few(), p, rule.DefaultConfig(), finding.Safe).Write(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(root, "real/one")); string(got) != "FROM scratch\nCOPY app /app\n" {
		t.Errorf("the file behind the link is %q", got)
	}
	if link, err := os.Readlink(filepath.Join(root, "Dockerfile")); err != nil || link != "real/one" {
		t.Errorf("the link is %q, %v", link, err)
	}
}

func TestLoadReader(t *testing.T) {
	dir := folder(t, "-- go.mod --\nmodule x\n\ngo 1.24\n")
	p, err := check.LoadReader(dir, strings.NewReader("FROM golang:1.22\nADD . .\nRUN go build\n"))
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, f := range few().Run(p, rule.DefaultConfig()) {
		codes = append(codes, f.File+" "+f.Code)
	}
	if want := []string{"- GO111", "- GO301", "- DL3020"}; !slices.Equal(codes, want) {
		t.Errorf("got %q, want %q", codes, want)
	}
	if err := fix.Apply(few(), p, rule.DefaultConfig(), finding.Safe).Write(); err == nil {
		t.Error("the standard input was written")
	}
}

// TestManyFiles looks at many files at a time and wants the same findings twice.
func TestManyFiles(t *testing.T) {
	var files []txtar.File
	files = append(files, txtar.File{Name: "go.mod", Data: []byte("module x\n\ngo 1.24\n")})
	const count = 500
	for i := range count {
		name := filepath.Join("service"+string(rune('a'+i%26)), "d"+strings.Repeat("x", i/26), "Dockerfile")
		files = append(files, txtar.File{Name: name, Data: []byte("FROM golang:1.22 AS b\nWORKDIR /s\nADD . .\nRUN go build -o /a .\nFROM scratch\nCOPY --from=b /a /a\n")})
	}
	dir := checktest.Write(t, files)
	p, err := check.Load(t.Context(), dir, nil)
	if err != nil || len(p.Dockerfiles) != count {
		t.Fatalf("%d files, %v", len(p.Dockerfiles), err)
	}
	first := few().Run(p, rule.DefaultConfig())
	if len(first) != 3*count {
		t.Errorf("%d findings", len(first))
	}
	second := few().Run(p, rule.DefaultConfig())
	if !slices.EqualFunc(first, second, func(a, b check.Finding) bool { return a.File == b.File && a.Line == b.Line && a.Code == b.Code }) {
		t.Error("the findings are not the same the second time")
	}
}
