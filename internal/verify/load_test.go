package verify_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/davit-dev/davit/internal/verify"
)

// folder writes files below a new folder and returns it.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const one = "- request: GET /\n"

func TestLoadFindsFiles(t *testing.T) {
	dir := folder(t, map[string]string{
		"acceptance/b.yaml": one, "acceptance/a/z.yml": one, "acceptance/README.md": "-", "other/c.yaml": one,
	})
	for setting, want := range map[string]string{
		"":              "acceptance/a/z.yml acceptance/b.yaml",
		"acceptance/":   "acceptance/a/z.yml acceptance/b.yaml",
		"other/c.yaml":  "other/c.yaml",
		verify.NoFiles:  "",
		"./other/../.":  "acceptance/a/z.yml acceptance/b.yaml other/c.yaml",
		"acceptance//a": "acceptance/a/z.yml",
	} {
		suite, err := verify.Load(dir, verify.Config{HTTP: setting})
		var names []string
		for _, file := range suite.Files {
			names = append(names, file.Name)
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", setting, got, err, want)
		}
	}
}

func TestLoadWithoutFiles(t *testing.T) {
	suite, err := verify.Load(t.TempDir(), verify.Config{Load: load()})
	if err != nil || suite.Files != nil || suite.Load == nil {
		t.Errorf("got %+v, %v", suite, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := folder(t, map[string]string{
		"empty/README.md": "-", "bad/a.yaml": "- x\n", "bad/b.yaml": "- y\n",
		"large.yaml": strings.Repeat("#\n", 200<<10),
		"outside/x":  "",
	})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"outside.yaml": "/etc/passwd", "outside/up": "../.."} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for setting, want := range map[string]string{
		"missing":      `verify.http: "missing" cannot be read: no such file or directory`,
		"empty":        `verify.http: the folder "empty" holds no .yaml file`,
		"../x":         `verify.http: "../x" is not a path below the module's folder`,
		"/etc":         `verify.http: "/etc" is not a path below the module's folder`,
		"bad":          "bad/a.yaml:1:3: an assertion must be a mapping, not text\nbad/b.yaml:1:3: an assertion must be a mapping, not text",
		"large.yaml":   "large.yaml: is larger than 256 KiB",
		"pipe.yaml":    "pipe.yaml: is not a regular file",
		"outside.yaml": `verify.http: "outside.yaml" cannot be read: path escapes from parent`,
		"outside/up":   `verify.http: "outside/up" cannot be read: path escapes from parent`,
	} {
		_, err := verify.Load(dir, verify.Config{HTTP: setting})
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", setting, err, want)
		}
	}
}

func TestLoadBoundsWhatTravels(t *testing.T) {
	files := map[string]string{}
	for name := range strings.SplitSeq("a b c d e f", " ") {
		files["acceptance/"+name+".yaml"] = one + "# " + strings.Repeat("x", 200<<10)
	}
	if _, err := verify.Load(folder(t, files), verify.Config{}); err == nil || !strings.Contains(err.Error(), "larger than 1024 KiB together") {
		t.Errorf("got %v", err)
	}
}

func TestConfigFromYAML(t *testing.T) {
	cfg := verify.DefaultConfig()
	text := "http: acceptance\nload: {request: GET /orders, rate: 50, duration: 5s, p95: 250ms, errors: 1%}\nenv: {MODE: staging}\n"
	if err := yaml.Unmarshal([]byte(text), &cfg); err != nil {
		t.Fatal(err)
	}
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	if got := cfg.Load.String(); got != "GET /orders at 50/s for 5s" {
		t.Errorf("got %q", got)
	}
	if err := yaml.Unmarshal([]byte("load:\n  request: [GET /a, 'POST /b']\n"), &cfg); err != nil || len(cfg.Load.Request) != 2 {
		t.Errorf("got %+v, %v", cfg.Load, err)
	}
	for text, want := range map[string]string{
		"load:\n  request: /a":        `line 2: "/a" is not a request`,
		"load:\n  request: {GET: /a}": "line 2: a request is text such as GET /orders",
		"load:\n  p95: -1s":           `"-1s" is negative`,
	} {
		if err := yaml.Unmarshal([]byte(text), &cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestConfigErrorsBeginWithTheKey(t *testing.T) {
	err := verify.Config{HTTP: "/x", Load: &verify.LoadRun{}, Env: map[string]string{"PORT": "1"}}.Validate()
	for line := range strings.Lines(err.Error()) {
		key, _, _ := strings.Cut(line, ":")
		if !strings.Contains(" http load.request load.duration load.p95 load.rate env.PORT ", " "+key+" ") {
			t.Errorf("line begins with no key: %s", line)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 6 {
		t.Errorf("%d lines, want 6:\n%v", n, err)
	}
}
