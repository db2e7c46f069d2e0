package fingerprint_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/build/fingerprint"
	"github.com/davit-dev/davit/internal/source"
)

// world is a module with all that a build can depend on, and the settings of a
// go command of its own.
type world struct {
	t     *testing.T
	root  string // above the module
	dir   string
	home  string
	flags []string // beside -trimpath and -buildvcs=false
	named bool     // the main package was asked for by name
}

func files() map[string]string {
	const lib = "\n\ngo 1.26\n"
	return map[string]string{
		"home/.config/go/env": "",
		// Otherwise go writes there after it has ended.
		"home/.config/go/telemetry/mode":  "off\n",
		"home2/.config/go/telemetry/mode": "off\n",
		"home2/x":                         "",
		"path/x":                          "",
		"app/go.mod": `module example.com/app

go 1.26

require (
	example.com/app/ext v1.0.0
	example.com/lib v1.0.0
	example.com/unused v1.0.0
)

replace (
	example.com/app/ext => ../ext
	example.com/lib => ../lib
	example.com/unused => ../unused
)
`,
		"app/main.go": `package main

import (
	"example.com/app/data"
	"example.com/app/deep/er"
	"example.com/app/ext/sub"
	"example.com/lib"
)

var stamp = "none"

func main() {
	println(data.Text(), er.Name, lib.Name, sub.Name, extra, stamp)
	var nothing *int
	defer func() { println(recover() != nil, nothing != nil) }()
	panic(nil)
}
`,
		"app/extra.go":               "//go:build !special\n\npackage main\n\nconst extra = \"plain\"\n",
		"app/special.go":             "//go:build special\n\npackage main\n\nconst extra = \"special\"\n",
		"app/main_test.go":           "package main\n\nimport \"testing\"\n\nfunc TestMain(t *testing.T) {}\n",
		"app/README.md":              "read me\n",
		"app/davit.yaml":             "build: {}\n",
		"app/assets/style.css":       "a {}\n",
		"app/unrelated/u.go":         "package unrelated\n",
		"app/data/data.go":           dataGo,
		"app/data/one.txt":           "one\n",
		"app/data/files/a":           "a\n",
		"app/data/files/s/b":         "b\n",
		"app/data/files/.hidden":     "hidden\n",
		"app/data/hid/.den/w":        "w\n",
		"app/data/hid/.den/x":        "x\n",
		"app/data/tpl/en/x.txt":      "hello\n",
		"app/data/tpl/de/x.txt":      "hallo\n",
		"app/data/tpl/de/y.txt":      "not embedded\n",
		"app/data/tpl/fr/z.txt":      "not embedded\n",
		"app/data/fixed/in/file.txt": "file\n",
		"app/deep/er/er.go":          "package er\n\n// Name is its name.\nconst Name = \"er\" + system\n",
		"app/deep/er/er_linux.go":    "package er\n\nconst system = \"linux\"\n",
		"app/deep/er/er_windows.go":  "package er\n\nconst system = \"windows\"\n",
		"lib/go.mod":                 "module example.com/lib" + lib,
		"lib/lib.go":                 "package lib\n\n// Name is its name.\nconst Name = \"lib\"\n",
		"other/go.mod":               "module example.com/lib" + lib,
		"other/lib.go":               "package lib\n\n// Name is its name.\nconst Name = \"other\"\n",
		"ext/go.mod":                 "module example.com/app/ext" + lib,
		"ext/sub/sub.go":             "package sub\n\n// Name is its name.\nconst Name = \"sub\"\n",
		"unused/go.mod":              "module example.com/unused" + lib,
		"unused/u.go":                "package unused\n",
	}
}

const dataGo = `package data

import "embed"

//go:embed files/* one.txt tpl/*/x.txt
//go:embed all:hid
//go:embed fixed/in/file.txt
var files embed.FS

// Text is all of it.
func Text() string {
	text := ""
	for _, dir := range []string{".", "files", "files/s", "tpl", "hid", "hid/.den", "fixed/in"} {
		entries, _ := files.ReadDir(dir)
		for _, e := range entries {
			content, _ := files.ReadFile(dir + "/" + e.Name())
			text += e.Name() + string(content)
		}
	}
	return text
}
`

func newWorld(t *testing.T) *world {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, root: root, dir: filepath.Join(root, "app"), home: filepath.Join(root, "home")}
	for name, text := range files() {
		w.write(name, text)
	}
	t.Setenv("GOCACHE", goCache(t))
	t.Setenv("HOME", w.home)
	t.Setenv("XDG_CONFIG_HOME", "")
	return w
}

// goCache is where compiled packages are kept, whatever becomes of HOME.
func goCache(t *testing.T) string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(dir))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) path(name string) string { return filepath.Join(w.root, name) }

func (w *world) write(name, text string) {
	w.t.Helper()
	w.must(os.MkdirAll(filepath.Dir(w.path(name)), 0o755))
	w.must(os.WriteFile(w.path(name), []byte(text), 0o644))
}

func (w *world) read(name string) (string, bool) {
	data, err := os.ReadFile(w.path(name))
	return string(data), err == nil
}

func (w *world) env() []string {
	w.t.Helper()
	env, err := source.GoEnv()
	w.must(err)
	return append(env, "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
}

func (w *world) allFlags() []string {
	return append([]string{"-trimpath", "-buildvcs=false"}, w.flags...)
}

func (w *world) request() fingerprint.Request {
	w.t.Helper()
	return fingerprint.Request{
		Dir: w.dir, Packages: []string{"example.com/app"}, Flags: w.allFlags(), Env: w.env(),
		Files: []string{"davit.yaml", "davit.lock"}, Folders: []string{"assets"}, WholeModule: !w.named,
	}
}

// build is the truth: what go build makes now, "" when it makes nothing.
func (w *world) build() string {
	w.t.Helper()
	out := w.path("out")
	_ = os.Remove(out)
	cmd := exec.CommandContext(w.t.Context(), "go", append(append([]string{"build", "-o", out}, w.allFlags()...), "example.com/app")...)
	cmd.Dir, cmd.Env = w.dir, w.env()
	if cmd.Run() != nil {
		return ""
	}
	data, err := os.ReadFile(out)
	w.must(err)
	return string(data)
}

// settle returns when what is changed from now on has another time than all
// that is there, which is when the kernel's clock went on by a bit more than its
// slowest tick.
func (w *world) settle() {
	w.t.Helper()
	w.write("clock", "")
	first, err := os.Stat(w.path("clock"))
	w.must(err)
	for now := first; now.ModTime().Sub(first.ModTime()) < 12*time.Millisecond; {
		w.write("clock", "")
		now, err = os.Stat(w.path("clock"))
		w.must(err)
	}
}

// record reads what a build depends on, as a build would find it now.
func (w *world) record() fingerprint.Record {
	w.t.Helper()
	w.settle()
	pending, err := fingerprint.Begin(w.t.Context(), w.request())
	w.must(err)
	return w.seal(pending)
}

// seal takes a record through JSON, as davit does.
func (w *world) seal(pending *fingerprint.Pending) fingerprint.Record {
	w.t.Helper()
	record, sealed := pending.Seal()
	if !sealed {
		w.t.Fatal("the record was not sealed, although nothing changed")
	}
	data, err := json.Marshal(record)
	w.must(err)
	var again fingerprint.Record
	w.must(json.Unmarshal(data, &again))
	return again
}

func text(t *testing.T, r fingerprint.Record) string {
	t.Helper()
	data, err := r.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
