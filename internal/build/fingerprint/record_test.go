package fingerprint_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build/fingerprint"
)

// firstPath is PATH before tests change it.
var firstPath = os.Getenv("PATH")

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func fmtFlags(w *world) string { return strings.Join(w.allFlags(), " ") }

// TestEveryEdit makes each edit once, from a tree in order.
func TestEveryEdit(t *testing.T) {
	for _, named := range []bool{false, true} {
		w := newWorld(t)
		w.named = named
		record := w.record()
		for _, e := range edits() {
			before := fmtFlags(w)
			e.do(w, newRand())
			fresh, why := record.Fresh(os.Environ())
			if want := e.inert || nothingYet(e.name, named) || fmtFlags(w) != before; fresh != want {
				t.Errorf("%s, named %v: fresh is %v, %s", e.name, named, fresh, why)
			}
			if e.inert {
				continue
			}
			e.do(w, newRand())
			if fresh, _ = record.Fresh(os.Environ()); !fresh { // an empty folder was left
				w = newWorld(t)
				w.named = named
				record = w.record()
			}
		}
	}
}

// nothingYet says which edits make no difference in a tree in order. Those of
// flags decide which record is looked at, not what it says.
func nothingYet(edit string, named bool) bool {
	switch edit {
	case "an imported package", "a vendored file", "a profile for -pgo":
		return true // as long as it is not imported, vendored or asked for
	case "another main package", "a package becomes a main one":
		return named
	}
	return false
}

// TestLater makes an edit after another one, with which the tree was recorded.
func TestLater(t *testing.T) {
	imported := replace("app/deep/er/er.go", "package er\n", "package er\n\nimport _ \"example.com/app/unrelated\"\n")
	for _, test := range []struct {
		name       string
		first, now func(*world, *rand.Rand)
	}{
		{"an imported package", imported, replace("app/unrelated/u.go", "", "\nfunc init() { println(1) }\n")},
		{"a link in an embedded folder becomes a file", link("app/data/hid/.den/x"), link("app/data/hid/.den/x")},
		{"a file becomes a folder for a pattern", toggle("app/data/tpl/it", ""), func(w *world, _ *rand.Rand) {
			w.must(os.Remove(w.path("app/data/tpl/it")))
			w.write("app/data/tpl/it/x.txt", "ciao\n")
		}},
		{"a link to files for the image", link("app/assets"), func(w *world, _ *rand.Rand) {
			w.must(errors.Join(os.Remove(w.path("app/assets")), os.Symlink(w.path("app/data/files"), w.path("app/assets"))))
		}},
		{"a new go command on PATH", variable("PATH", "ROOT/path:"+os.Getenv("PATH")), func(w *world, _ *rand.Rand) {
			w.write("path/go", "#!/bin/sh\n")
			w.must(os.Chmod(w.path("path/go"), 0o755))
		}},
		{"a profile", func(w *world, r *rand.Rand) {
			flagged("-pgo=profile")(w, r)
			w.write("app/profile", "one")
		}, replace("app/profile", "one", "two")},
		{"a profile by default", toggle("app/default.pgo", "one"), replace("app/default.pgo", "one", "two")},
		{"a vendored file", vendor, replace("app/vendor/example.com/lib/lib.go", `"lib"`, `"LIB"`)},
		{"a module of the workspace", toggle("go.work", "go 1.26\n\nuse (\n\t./app\n\t./other2\n)\n"), replace("other2/go.mod", "1.26", "1.25")},
		{"a workspace that goes away", toggle("go.work", "go 1.26\n\nuse ./app\n"), toggle("go.work", "")},
		{"davit.lock", toggle("app/davit.lock", "one"), replace("app/davit.lock", "one", "two")},
		{"permissions of a file for the image", nothing, func(w *world, _ *rand.Rand) {
			w.must(os.Chmod(w.path("app/assets/style.css"), 0o755))
		}},
		{"GOROOT", nothing, variable("GOROOT", "/nowhere")},
	} {
		for _, named := range []bool{false, true} {
			w := newWorld(t)
			w.named = named
			w.write("other2/go.mod", "module example.com/other2\n\ngo 1.26\n")
			test.first(w, newRand())
			record := w.record()
			if fresh, why := record.Fresh(os.Environ()); !fresh {
				t.Fatalf("%s: %s", test.name, why)
			}
			test.now(w, newRand())
			if fresh, _ := record.Fresh(os.Environ()); fresh {
				t.Errorf("%s, named %v: makes no difference", test.name, named)
			}
			w.t.Setenv("PATH", firstPath)
			w.must(os.Unsetenv("GOROOT"))
		}
	}
}

func nothing(*world, *rand.Rand) {}

// TestWhy names the first difference for people.
func TestWhy(t *testing.T) {
	w := newWorld(t)
	record := w.record()
	for _, test := range []struct {
		do   func(*world, *rand.Rand)
		want string
	}{
		{replace("app/main.go", "none", "some"), "main.go changed"},
		{replace("lib/lib.go", `"lib"`, `"LIB"`), w.path("lib/lib.go") + " changed"},
		{toggle("app/new.go", "package main\n"), "other files are in ."},
		{rename("app/data/one.txt", "app/data/two.txt"), "data/one.txt is gone"},
		{toggle("app/go.work", "go 1.26\n"), "go.work appeared"},
		{variable("GOFLAGS", "-v"), "the environment variable GOFLAGS changed"},
	} {
		test.do(w, nil)
		if _, why := record.Fresh(os.Environ()); why != test.want {
			t.Errorf("%q, want %q", why, test.want)
		}
		test.do(w, nil)
	}
	if fresh, why := record.Fresh(os.Environ()); !fresh {
		t.Errorf("all is as it was, and yet: %s", why)
	}
}

func TestEnvironmentCounts(t *testing.T) {
	w := newWorld(t)
	record := w.record()
	environ := os.Environ()
	for _, pair := range []string{"EDITOR=vi", "GOMAXPROCS=1", "GOGC=off"} {
		if fresh, why := record.Fresh(append(slices.Clone(environ), pair)); !fresh {
			t.Errorf("%s: %s", pair, why)
		}
	}
	for _, pair := range []string{"GOFLAGS=-race", "GOTOOLCHAIN=go1.25.0", "PATH=/nowhere", "GOENV=off", "CC=clang", "CGO_CFLAGS=-O1"} {
		if fresh, _ := record.Fresh(append(slices.Clone(environ), pair)); fresh {
			t.Errorf("%s makes no difference", pair)
		}
	}
	if strings.Contains(text(t, record), w.home+";") {
		t.Error("values of the environment are in the record")
	}
}

// TestNeverFresh: builds that read what nobody can list.
func TestNeverFresh(t *testing.T) {
	w := newWorld(t)
	w.write("app/deep/er/c.go", "package er\n\nimport \"C\"\n")
	for _, test := range []struct {
		change func(*fingerprint.Request)
		want   string
	}{
		{func(r *fingerprint.Request) { r.Env = append(r.Env, "CGO_ENABLED=1") }, "uses cgo"},
		{func(r *fingerprint.Request) { r.Env = append(r.Env, "CGO_ENABLED=") }, "CGO_ENABLED is not set"},
		{func(r *fingerprint.Request) { r.Env = append(r.Env, "GOFLAGS=-v") }, "GOFLAGS is set"},
		{func(r *fingerprint.Request) { r.Env = append(r.Env, "GOENV=/x") }, "GOENV is not off"},
		{func(r *fingerprint.Request) { r.Flags = r.Flags[:1] }, "without -buildvcs=false"},
		{func(r *fingerprint.Request) { r.Flags = append(r.Flags, "-overlay=x") }, `"-overlay=x"`},
		{func(r *fingerprint.Request) { r.Flags = append(r.Flags, "-tags", "x") }, `"x"`},
		{func(r *fingerprint.Request) { r.Flags = append(r.Flags, "-ldflags=-s -extld=cc") }, "-extld"},
		{func(r *fingerprint.Request) { r.Flags = append(r.Flags, "-ldflags=all=-linkmode=external") }, "-linkmode"},
		{func(r *fingerprint.Request) { r.Flags = append(r.Flags, "-gcflags=-N -embedcfg=x") }, "-embedcfg"},
	} {
		request := w.request()
		test.change(&request)
		pending, err := fingerprint.Begin(t.Context(), request)
		if err != nil {
			t.Fatalf("%s: %v", test.want, err)
		}
		record := w.seal(pending)
		if fresh, why := record.Fresh(os.Environ()); fresh || !strings.Contains(why, test.want) {
			t.Errorf("fresh is %v, %q, want %q", fresh, why, test.want)
		}
		if _, ok := record.Renew(t.Context(), request); ok {
			t.Errorf("%s: renewed", test.want)
		}
	}
}

// TestAScriptInPlaceOfGo may run any go command, so nothing is known.
func TestAScriptInPlaceOfGo(t *testing.T) {
	w := newWorld(t)
	real, err := exec.LookPath("go")
	w.must(err)
	w.write("bin/go", "#!/bin/sh\nexec "+real+" \"$@\"\n")
	w.must(os.Chmod(w.path("bin/go"), 0o755))
	t.Setenv("PATH", w.path("bin")+":"+os.Getenv("PATH"))
	if fresh, why := w.record().Fresh(os.Environ()); fresh || !strings.Contains(why, "something in its place") {
		t.Errorf("fresh is %v, %s", fresh, why)
	}
}

// TestAnotherGoBehindALink: PATH leads to it by the same name.
func TestAnotherGoBehindALink(t *testing.T) {
	w := newWorld(t)
	real, err := exec.LookPath("go")
	w.must(err)
	w.write("bin/x", "")
	w.must(os.Symlink(real, w.path("bin/go")))
	t.Setenv("PATH", w.path("bin")+":"+os.Getenv("PATH"))
	record := w.record()
	if fresh, why := record.Fresh(os.Environ()); !fresh {
		t.Fatal(why)
	}
	other, err := exec.LookPath("true")
	w.must(err)
	w.must(errors.Join(os.Remove(w.path("bin/go")), os.Symlink(other, w.path("bin/go"))))
	if fresh, _ := record.Fresh(os.Environ()); fresh {
		t.Error("it makes no difference where the link leads to")
	}
}

// TestASwitchedToolchain: the go command looks on PATH before it takes the
// release that it has downloaded.
func TestASwitchedToolchain(t *testing.T) {
	modules, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	cache := strings.TrimSpace(string(modules))
	releases, _ := filepath.Glob(filepath.Join(cache, "golang.org", "toolchain@v0.0.1-go1.*"))
	if len(releases) == 0 {
		t.Skip("no other release of Go was ever downloaded here")
	}
	name := strings.TrimPrefix(filepath.Base(releases[len(releases)-1]), "toolchain@v0.0.1-")
	version, _, _ := strings.Cut(name, ".linux-")
	w := newWorld(t)
	t.Setenv("GOMODCACHE", cache)
	w.write("plain/go.mod", "module example.com/plain\n\ngo 1.18\n")
	w.write("plain/main.go", "package main\n\nfunc main() {}\n")
	w.dir = w.path("plain")
	t.Setenv("PATH", w.path("path")+":"+os.Getenv("PATH"))
	w.settle()
	request := w.request()
	request.Packages, request.Env = []string{"."}, append(request.Env, "GOTOOLCHAIN="+version)
	pending, err := fingerprint.Begin(t.Context(), request)
	w.must(err)
	record := w.seal(pending)
	if fresh, why := record.Fresh(os.Environ()); !fresh {
		t.Fatalf("%s: fresh is %v, %s", version, fresh, why)
	}
	w.write("path/"+version, "#!/bin/sh\n")
	if fresh, why := record.Fresh(os.Environ()); fresh || !strings.HasSuffix(why, version+" appeared") {
		t.Errorf("fresh is %v, %s", fresh, why)
	}
}

// TestChangesDuringABuildAreNotSealed: nobody knows then what was built, also
// when the change was taken back, or came before the fingerprint.
func TestChangesDuringABuildAreNotSealed(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"app/main.go", "app/data/one.txt", "app/go.mod", "lib/go.mod", "app/assets/style.css", "home/.config/go/env"} {
		w.settle()
		request := w.request()
		pending, err := fingerprint.Begin(t.Context(), request)
		w.must(err)
		before, _ := w.read(name)
		w.write(name, before+"\n")
		w.write(name, before)
		if _, sealed := pending.Seal(); sealed {
			t.Errorf("%s: it was sealed", name)
		}
		pending, err = fingerprint.Begin(t.Context(), request)
		w.must(err)
		if _, sealed := pending.Seal(); sealed {
			t.Errorf("%s: it was sealed when it had just changed", name)
		}
	}
}

// TestDamage: each byte of a record counts.
func TestDamage(t *testing.T) {
	w := newWorld(t)
	whole := text(t, w.record())
	for at := 0; at < len(whole); at += 1 + at/50 {
		damaged := []byte(whole)
		damaged[at] ^= 1
		for _, data := range [][]byte{damaged, damaged[:at]} {
			var r fingerprint.Record
			if err := r.UnmarshalText(data); err != nil {
				t.Fatal(err)
			}
			if fresh, _ := r.Fresh(os.Environ()); fresh {
				t.Fatalf("damaged at %d it is fresh", at)
			}
		}
	}
	var r fingerprint.Record
	w.must(r.UnmarshalText([]byte(whole)))
	if text(t, r) != whole {
		t.Error("a record that was read is written in another way")
	}
}
