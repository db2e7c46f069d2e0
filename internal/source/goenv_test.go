package source_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/source"
)

func TestGoEnvKeepsPlacesAndClearsTheRest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	write(t, filepath.Dir(file), map[string]string{"env": "GOPRIVATE=corp.example.com\nGOFLAGS=-toolexec=/bin/false\nGOAMD64=v3\n"})
	for name, value := range map[string]string{
		"GOENV": file, "GOFLAGS": "-toolexec=/bin/false", "GOEXPERIMENT": "nosuch", "GOWORK": "/x/go.work",
		"CGO_ENABLED": "1", "GOARCH": "arm64", "GODEBUG": "x=1", "GOSSAFUNC": "main", "GIT_DIR": "/x",
		"GOPROXY": "off", "GOMODCACHE": "/somewhere/mod", "GOMAXPROCS": "2",
		"GOOGLE_APPLICATION_CREDENTIALS": "/key.json", "DATABASE_URL": "postgres://x",
	} {
		t.Setenv(name, value)
	}
	env, err := source.GoEnv()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"GOFLAGS=", "GOENV=off", "GOPROXY=off", "GOMODCACHE=/somewhere/mod", "GOPRIVATE=corp.example.com",
		"GOMAXPROCS=2", "GOOGLE_APPLICATION_CREDENTIALS=/key.json", "DATABASE_URL=postgres://x", "PATH=" + os.Getenv("PATH"),
	} {
		if !slices.Contains(env, want) {
			t.Errorf("missing: %s", want)
		}
	}
	for _, gone := range []string{"GOEXPERIMENT", "GOWORK", "CGO_ENABLED", "GOARCH", "GOAMD64", "GODEBUG", "GOSSAFUNC", "GIT_DIR"} {
		if slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, gone+"=") }) {
			t.Errorf("still there: %s", gone)
		}
	}
}

// A -toolexec that the user's environment names is a program that go would run
// for each compile step. Go itself must agree that it is gone.
func TestGoEnvIsWhatGoSees(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	write(t, filepath.Dir(file), map[string]string{"env": "GOFLAGS=-toolexec=/bin/false\nGOAMD64=v4\n"})
	t.Setenv("GOENV", file)
	env, err := source.GoEnv()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "env", "GOFLAGS", "GOAMD64")
	cmd.Env = env
	out, err := cmd.Output()
	if err != nil || string(out) != "\nv1\n" {
		t.Errorf("go sees %q, %v", out, err)
	}
}
