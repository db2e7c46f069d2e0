package fingerprint_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/build/fingerprint"
	"github.com/davit-dev/davit/internal/source"
)

var (
	rounds = flag.Int("rounds", 25, "rounds of the random comparison with go build")
	seed   = flag.Uint64("seed", 0, "seed of the random comparison; 0 takes the time")
)

// world is a module with all that a build can depend on, and a go command's
// settings of its own.
type world struct {
	t    *testing.T
	root string // above the module
	dir  string
	out  string
	home string
	tags string
	pgo  string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, root: root, dir: filepath.Join(root, "app"), out: filepath.Join(root, "out"), home: filepath.Join(root, "home")}
	for name, text := range map[string]string{
		"home/.config/go/env": "",
		"app/go.mod":          "module example.com/app\n\ngo 1.26\n\nrequire example.com/lib v1.0.0\n\nreplace example.com/lib => ../lib\n",
		"app/main.go":         "package main\n\nimport (\n\t\"example.com/app/data\"\n\t\"example.com/app/deep/er\"\n\t\"example.com/lib\"\n)\n\nfunc main() { println(data.Text(), er.Name, lib.Name, extra) }\n",
		"app/extra.go":        "//go:build !special\n\npackage main\n\nconst extra = \"plain\"\n",
		"app/special.go":      "//go:build special\n\npackage main\n\nconst extra = \"special\"\n",
		"app/data/data.go":    "package data\n\nimport \"embed\"\n\n//go:embed files/* one.txt\nvar files embed.FS\n\n// Text is all of it.\nfunc Text() string {\n\tentries, _ := files.ReadDir(\"files\")\n\ttext, _ := files.ReadFile(\"one.txt\")\n\tfor _, e := range entries {\n\t\ttext = append(text, e.Name()...)\n\t}\n\treturn string(text)\n}\n",
		"app/data/one.txt":    "one\n",
		"app/data/files/a":    "a\n",
		"app/data/files/s/b":  "b\n",
		"app/deep/er/er.go":   "package er\n\n// Name is its name.\nconst Name = \"er\"\n",
		"lib/go.mod":          "module example.com/lib\n\ngo 1.26\n",
		"lib/lib.go":          "package lib\n\n// Name is its name.\nconst Name = \"lib\"\n",
		"other/go.mod":        "module example.com/lib\n\ngo 1.26\n",
		"other/lib.go":        "package lib\n\n// Name is its name.\nconst Name = \"other\"\n",
	} {
		w.write(name, text)
	}
	t.Setenv("GOCACHE", goCache(t))
	t.Setenv("HOME", w.home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(w.home, ".config"))
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

func (w *world) path(name string) string { return filepath.Join(w.root, name) }

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(w.path(name)), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(w.path(name), []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(name string) (string, bool) {
	data, err := os.ReadFile(w.path(name))
	return string(data), err == nil
}

func (w *world) flags() []string {
	flags := []string{"-trimpath", "-buildvcs=false"}
	if w.tags != "" {
		flags = append(flags, "-tags="+w.tags)
	}
	if w.pgo != "" {
		flags = append(flags, "-pgo="+w.pgo)
	}
	return flags
}

func (w *world) env() []string {
	w.t.Helper()
	env, err := source.GoEnv(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return append(env, "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
}

// build is the truth: what go build makes now, nil when it makes nothing.
func (w *world) build() []byte {
	w.t.Helper()
	_ = os.Remove(w.out)
	cmd := exec.CommandContext(w.t.Context(), "go", append(append([]string{"build", "-o", w.out}, w.flags()...), "example.com/app")...)
	cmd.Dir, cmd.Env = w.dir, w.env()
	if cmd.Run() != nil {
		return nil
	}
	data, err := os.ReadFile(w.out)
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

// record builds and takes the fingerprint of it, as davit does, through JSON.
func (w *world) record() (fingerprint.Record, []byte) {
	w.t.Helper()
	time.Sleep(30 * time.Millisecond) // nobody edits and builds in the same tick of the clock
	pending, err := fingerprint.Begin(w.t.Context(), fingerprint.Request{
		Dir: w.dir, Packages: []string{"example.com/app"}, Flags: w.flags(), Env: w.env(), WholeModule: true,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	built := w.build()
	record, sealed := pending.Seal()
	if !sealed || built == nil {
		w.t.Fatalf("sealed %v, %d bytes", sealed, len(built))
	}
	data, err := json.Marshal(record)
	if err != nil {
		w.t.Fatal(err)
	}
	var again fingerprint.Record
	if err := json.Unmarshal(data, &again); err != nil {
		w.t.Fatal(err)
	}
	return again, built
}

// edit is one thing that can happen to a tree. inert says that it changes no
// content.
type edit struct {
	name  string
	inert bool
	do    func(w *world, r *rand.Rand)
}

// toggle writes a file, or removes it when it is there.
func toggle(name, text string) func(*world, *rand.Rand) {
	return func(w *world, _ *rand.Rand) {
		if _, found := w.read(name); !found {
			w.write(name, text)
		} else if err := os.RemoveAll(w.path(name)); err != nil {
			w.t.Fatal(err)
		}
	}
}

// replace exchanges one text in a file for another, or back.
func replace(name, a, b string) func(*world, *rand.Rand) {
	return func(w *world, _ *rand.Rand) {
		text, _ := w.read(name)
		if strings.Contains(text, a) {
			w.write(name, strings.Replace(text, a, b, 1))
		} else {
			w.write(name, strings.Replace(text, b, a, 1))
		}
	}
}

// rename moves a file there or back.
func rename(a, b string) func(*world, *rand.Rand) {
	return func(w *world, _ *rand.Rand) {
		if _, err := os.Lstat(w.path(a)); err != nil {
			a, b = b, a
		}
		if err := os.Rename(w.path(a), w.path(b)); err != nil {
			w.t.Fatal(err)
		}
		a, b = b, a
	}
}

func edits() []edit {
	const profile = "# no profile, which go build refuses\n"
	return []edit{
		{"content of the same length, old times", false, func(w *world, _ *rand.Rand) {
			info, err := os.Stat(w.path("lib/lib.go"))
			if err != nil {
				w.t.Fatal(err)
			}
			replace("lib/lib.go", `"lib"`, `"LIB"`)(w, nil)
			if err := os.Chtimes(w.path("lib/lib.go"), info.ModTime(), info.ModTime()); err != nil {
				w.t.Fatal(err)
			}
		}},
		{"a comment", false, replace("app/deep/er/er.go", "its name", "its own name")},
		{"times", true, func(w *world, r *rand.Rand) {
			when := time.Unix(r.Int64N(2_000_000_000), 0)
			for _, name := range []string{"app/main.go", "lib/lib.go", "app/data/files/a", "app/go.mod", "app/data"} {
				if err := os.Chtimes(w.path(name), when, when); err != nil {
					w.t.Fatal(err)
				}
			}
		}},
		{"the same content again", true, func(w *world, _ *rand.Rand) {
			text, _ := w.read("app/main.go")
			w.write("app/main.go.new", text)
			if err := os.Rename(w.path("app/main.go.new"), w.path("app/main.go")); err != nil {
				w.t.Fatal(err)
			}
		}},
		{"a test", true, toggle("app/deep/er/er_test.go", "package er\n")},
		{"a new file", false, toggle("app/new.go", "package main\n\nfunc init() { println(\"new\") }\n")},
		{"a file that is not built becomes one", false, replace("app/special.go", "//go:build special", "//go:build special || !special")},
		{"assembly", false, toggle("app/deep/er/er_amd64.s", "TEXT ·f(SB),4,$0\n\tRET\n")},
		{"an embedded file", false, replace("app/data/one.txt", "one", "two")},
		{"a new embedded file", false, toggle("app/data/files/c", "c\n")},
		{"a new embedded file deep down", false, toggle("app/data/files/s/t/u", "u\n")},
		{"an embedded file is renamed", false, rename("app/data/files/a", "app/data/files/z")},
		{"go line", false, replace("app/go.mod", "go 1.26\n", "go 1.25\n")},
		{"toolchain line", false, replace("app/go.mod", "go 1.2", "toolchain local\n\ngo 1.2")},
		{"another replacement", false, replace("app/go.mod", "=> ../lib", "=> ../other")},
		{"go.mod of the replacement", false, replace("lib/go.mod", "go 1.26", "go 1.24")},
		{"a workspace", false, toggle("go.work", "go 1.26\n\nuse (\n\t./app\n\t./other\n)\n")},
		{"a workspace nearer by", false, toggle("app/go.work", "go 1.26\n\nuse .\n")},
		{"a vendor folder", false, toggle("app/vendor/modules.txt", "## workspace\n")},
		{"a profile", false, toggle("app/default.pgo", profile)},
		{"another profile", false, func(w *world, _ *rand.Rand) {
			if w.pgo = map[string]string{"": "off", "off": ""}[w.pgo]; w.pgo == "" {
				return
			}
		}},
		{"tags", false, func(w *world, _ *rand.Rand) { w.tags = map[string]string{"": "special", "special": ""}[w.tags] }},
		{"go env -w", false, replace("home/.config/go/env", "", "GOPRIVATE=example.com\n")},
		{"a nested module", false, toggle("app/deep/go.mod", "module example.com/app/deep\n\ngo 1.26\n")},
		{"a link to another file", false, func(w *world, _ *rand.Rand) {
			path := w.path("app/deep/er/er.go")
			text, _ := w.read("app/deep/er/er.go")
			w.write("linked.go", text)
			if err := errors.Join(os.Remove(path), os.Symlink(w.path("linked.go"), path)); err != nil {
				w.t.Fatal(err)
			}
		}},
		{"the file behind a link", false, replace("linked.go", `"er"`, `"ER"`)},
		{"another main package", false, toggle("app/cmd/x/main.go", "package main\n\nfunc main() {}\n")},
		{"nothing", true, func(*world, *rand.Rand) {}},
	}
}

// TestAgainstGoBuild changes a tree at random, and compares what the fingerprint
// says with what go build makes: what is fresh must be the same bytes, and what
// nobody changed must be fresh.
func TestAgainstGoBuild(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", *seed)
	r := rand.New(rand.NewPCG(*seed, 1))
	w, all := newWorld(t), edits()
	fresh := 0
	record, want := w.record()
	flags := w.flags()
	for round := range *rounds {
		var done []string
		inert := true
		for range 1 + r.IntN(2) {
			e := all[r.IntN(len(all))]
			if e.name == "the file behind a link" && !linked(w) {
				continue
			}
			e.do(w, r)
			done, inert = append(done, e.name), inert && e.inert
		}
		is, why := record.Fresh(os.Environ())
		is = is && slices.Equal(flags, w.flags()) // flags decide which record is looked at
		got := w.build()
		switch {
		case is && !bytes.Equal(got, want):
			t.Fatalf("round %d: after %q the record is fresh, and go build makes something else", round, done)
		case inert && !is:
			t.Fatalf("round %d: after %q nothing has changed, and yet: %s", round, done, why)
		case is:
			fresh++
		}
		if got == nil { // begin again from a tree that builds
			w = newWorld(t)
		}
		if got == nil || !is {
			record, want = w.record()
			flags = w.flags()
		}
	}
	t.Logf("%d of %d rounds were fresh", fresh, *rounds)
}

func linked(w *world) bool {
	info, err := os.Lstat(w.path("app/deep/er/er.go"))
	return err == nil && info.Mode()&os.ModeSymlink != 0
}

// TestEveryEdit makes each edit once, from the same tree.
func TestEveryEdit(t *testing.T) {
	w := newWorld(t)
	record, _ := w.record()
	for _, e := range edits() {
		if e.name == "tags" || e.name == "another profile" || e.name == "the file behind a link" {
			continue // which are no change of the tree, or come after another one
		}
		e.do(w, rand.New(rand.NewPCG(1, 2)))
		if fresh, why := record.Fresh(os.Environ()); fresh != e.inert {
			t.Errorf("%s: fresh is %v, %s", e.name, fresh, why)
		}
		w = newWorld(t)
		record, _ = w.record()
	}
}

func TestEnvironmentCounts(t *testing.T) {
	w := newWorld(t)
	record, _ := w.record()
	environ := os.Environ()
	if fresh, why := record.Fresh(append(environ, "EDITOR=vi")); !fresh {
		t.Errorf("EDITOR: %s", why)
	}
	for _, pair := range []string{"GOFLAGS=-race", "GOTOOLCHAIN=go1.25.0", "PATH=/nowhere", "GOENV=off", "CC=clang"} {
		if fresh, _ := record.Fresh(append(slices.Clone(environ), pair)); fresh {
			t.Errorf("%s makes no difference", pair)
		}
	}
}

// TestAScriptInPlaceOfGo may run any go command, so nothing is known.
func TestAScriptInPlaceOfGo(t *testing.T) {
	w := newWorld(t)
	real, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	w.write("bin/go", "#!/bin/sh\nexec "+real+" \"$@\"\n")
	if err := os.Chmod(w.path("bin/go"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", w.path("bin")+":"+os.Getenv("PATH"))
	record, _ := w.record()
	if fresh, why := record.Fresh(os.Environ()); fresh || !strings.Contains(why, "something in its place") {
		t.Errorf("fresh is %v, %s", fresh, why)
	}
}

// TestChangesDuringABuildAreNotSealed: nobody knows what was built then, also
// when the change was taken back.
func TestChangesDuringABuildAreNotSealed(t *testing.T) {
	w := newWorld(t)
	pending, err := fingerprint.Begin(t.Context(), fingerprint.Request{
		Dir: w.dir, Packages: []string{"example.com/app"}, Flags: w.flags(), Env: w.env(),
	})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := w.read("app/main.go")
	w.write("app/main.go", text+"\n")
	w.write("app/main.go", text)
	if _, sealed := pending.Seal(); sealed {
		t.Error("it was sealed")
	}
}

// TestFreshStartsNoProcess: the files that it is made of cannot.
func TestFreshStartsNoProcess(t *testing.T) {
	for _, name := range []string{"record.go", "state.go", "text.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imported := range file.Imports {
			if path := strings.Trim(imported.Path.Value, `"`); path == "os/exec" || strings.Contains(path, "davit") {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

// FuzzRecord: what is read back is never fresh unless it is a record, and a
// record is written as what was read.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"version":1,"ambient":"[]","go":"","states":"/\"/\"\ns 1 2 3 4 r - \"etc\"\na 0 0 0 0 - - \"nowhere\"\n"}`))
	f.Add([]byte(`{"version":1,"states":"c 1 2"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r fingerprint.Record
		if json.Unmarshal(data, &r) != nil {
			return
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var again fingerprint.Record
		if err := json.Unmarshal(text, &again); err != nil || fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", r) {
			t.Errorf("%q: %+v, then %+v, %v", data, r, again, err)
		}
	})
}
