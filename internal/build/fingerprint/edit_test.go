package fingerprint_test

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// edit is one thing that can happen to a tree or to what is around it. All but
// the inert ones may be done again, which takes many of them back.
type edit struct {
	name  string
	inert bool // it changes nothing that go build reads
	do    func(w *world, r *rand.Rand)
}

// toggle writes a file, or removes it when it is there.
func toggle(name, text string) func(*world, *rand.Rand) {
	return func(w *world, _ *rand.Rand) {
		if _, found := w.read(name); found {
			w.must(os.Remove(w.path(name)))
			return
		}
		w.write(name, text)
	}
}

// replace exchanges a text in a file for another, or back.
func replace(name, a, b string) func(*world, *rand.Rand) {
	return func(w *world, _ *rand.Rand) {
		text, found := w.read(name)
		switch {
		case !found:
		case strings.Contains(text, b) && (a == "" || !strings.Contains(text, a) || strings.Contains(b, a)):
			w.write(name, strings.Replace(text, b, a, 1))
		case a == "":
			w.write(name, text+b)
		default:
			w.write(name, strings.Replace(text, a, b, 1))
		}
	}
}

// rename moves a file there or back.
func rename(a, b string) func(*world, *rand.Rand) {
	return func(w *world, _ *rand.Rand) {
		from, to := w.path(a), w.path(b)
		if _, err := os.Lstat(from); err != nil {
			from, to = to, from
		}
		if _, err := os.Lstat(from); err == nil {
			w.must(os.Rename(from, to))
		}
	}
}

// link puts a link in the place of a file or folder, or takes it back.
func link(name string) func(*world, *rand.Rand) {
	return func(w *world, _ *rand.Rand) {
		path, behind := w.path(name), w.path("behind-"+filepath.Base(name))
		info, err := os.Lstat(path)
		switch {
		case err != nil:
		case info.Mode()&fs.ModeSymlink != 0:
			w.must(os.Remove(path))
			w.must(os.Rename(behind, path))
		default:
			w.must(os.RemoveAll(behind))
			w.must(os.Rename(path, behind))
			w.must(os.Symlink(behind, path))
		}
	}
}

// variable sets a variable of the environment, or takes it back.
func variable(name, value string) func(*world, *rand.Rand) {
	before, had := "", false
	return func(w *world, _ *rand.Rand) {
		new := strings.ReplaceAll(value, "ROOT", w.root)
		now, set := os.LookupEnv(name)
		if now != new {
			before, had = now, set
			w.t.Setenv(name, new)
			return
		}
		if w.t.Setenv(name, before); !had {
			w.must(os.Unsetenv(name))
		}
	}
}

func flagged(flag string) func(*world, *rand.Rand) {
	return func(w *world, _ *rand.Rand) {
		if i := slices.Index(w.flags, flag); i >= 0 {
			w.flags = slices.Delete(slices.Clone(w.flags), i, i+1)
		} else {
			w.flags = append(slices.Clone(w.flags), flag)
		}
	}
}

// times sets those of all files and folders of the module.
func times(w *world, r *rand.Rand) {
	when := time.Unix(r.Int64N(2_000_000_000), 0)
	w.must(filepath.WalkDir(w.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if _, err := os.Stat(path); err != nil {
			return nil //nolint:nilerr // a link to nothing has no times
		}
		return os.Chtimes(path, when, when)
	}))
}

// sameLength changes what a file holds, but neither its size nor its times.
func sameLength(w *world, _ *rand.Rand) {
	info, err := os.Stat(w.path("lib/lib.go"))
	w.must(err)
	replace("lib/lib.go", `"lib"`, `"LIB"`)(w, nil)
	w.must(os.Chtimes(w.path("lib/lib.go"), info.ModTime(), info.ModTime()))
}

// vendor makes the vendor folder, or removes it.
func vendor(w *world, _ *rand.Rand) {
	if _, err := os.Lstat(w.path("app/vendor")); err == nil {
		w.must(os.RemoveAll(w.path("app/vendor")))
		return
	}
	cmd := exec.CommandContext(w.t.Context(), "go", "mod", "vendor")
	cmd.Dir, cmd.Env = w.dir, w.env()
	_ = cmd.Run() // in a workspace, or with a go.mod in disorder, there is nothing to vendor
}

// again writes what a file holds to a new one in its place.
func again(name string) func(*world, *rand.Rand) {
	return func(w *world, _ *rand.Rand) {
		path := w.path(name)
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
			text, _ := w.read(name)
			w.write(name+"~", text)
			w.must(os.Rename(path+"~", path))
		}
	}
}

func edits() []edit {
	const main = "package main\n\nfunc main() {}\n"
	return append(inertEdits(), []edit{
		{"a constant, with size and times as before", false, sameLength},
		{"a constant", false, replace("app/deep/er/er.go", `"er"`, `"ER"`)},
		{"a comment", false, replace("app/deep/er/er.go", "its name", "its own name")},
		{"an import", false, replace("app/deep/er/er.go", "package er\n", "package er\n\nimport _ \"example.com/app/unrelated\"\n")},
		{"an imported package", false, replace("app/unrelated/u.go", "", "\nfunc init() { println(1) }\n")},
		{"a new file", false, toggle("app/new.go", "package main\n\nfunc init() { println(\"new\") }\n")},
		{"a build constraint", false, replace("app/special.go", "//go:build special", "//go:build special || !special")},
		{"a go:debug line", false, replace("app/main.go", "package main\n", "//go:debug panicnil=1\npackage main\n")},
		{"assembly", false, toggle("app/deep/er/er_amd64.s", "TEXT ·f(SB),4,$0\n\tRET\n")},
		{"a header", false, toggle("app/deep/er/er.h", "// nothing\n")},
		{"C", false, toggle("app/deep/er/er.c", "int f() { return 1; }\n")},
		{"an object", false, toggle("app/deep/er/er_linux.syso", "no object\n")},
		{"a test of another package", false, toggle("app/deep/er/er_test.go", "package wrong\n")},
		{"a test becomes one of another package", false, replace("app/main_test.go", "package main", "package wrong")},
		{"a test with a broken import", false, replace("app/main_test.go", "\nfunc", "\nimport 5\n\nfunc")},
		{"for another system", false, rename("app/deep/er/er_linux.go", "app/deep/er/er_plan9.go")},
		{"a package goes away", false, rename("app/deep", "app/moved")},
		{"an embedded file", false, replace("app/data/one.txt", "one", "two")},
		{"a new embedded file", false, toggle("app/data/files/c", "c\n")},
		{"a new embedded file deep down", false, toggle("app/data/files/s/t/u", "u\n")},
		{"a new hidden file", false, toggle("app/data/files/s/.u", "u\n")},
		{"a new file in a hidden folder", false, toggle("app/data/hid/.den/y", "y\n")},
		{"a new folder for a pattern", false, toggle("app/data/tpl/fr/x.txt", "bonjour\n")},
		{"an embedded file is renamed", false, rename("app/data/files/a", "app/data/files/z")},
		{"an embedded file is a link", false, link("app/data/one.txt")},
		{"an embedded file of a pattern is a link", false, link("app/data/files/a")},
		{"an embedded folder is a link", false, link("app/data/tpl")},
		{"an embedded folder becomes a module", false, toggle("app/data/files/s/go.mod", "module example.com/s\n")},
		{"another pattern", false, replace("app/data/data.go", "tpl/*/x.txt", "tpl/*/*.txt")},
		{"a pattern goes into a comment", false, replace("app/data/data.go", "//go:embed all:hid\n", "/*\n//go:embed all:hid\n*/\n")},
		{"an embedded file's folder is a link", false, link("app/data/fixed")},
		{"an embedded file's folder becomes a module", false, toggle("app/data/fixed/in/go.mod", "module example.com/in\n")},
		{"go line", false, replace("app/go.mod", "go 1.26\n", "go 1.25\n")},
		{"toolchain line", false, replace("app/go.mod", "go 1.26\n", "go 1.26\n\ntoolchain go1.26.0\n")},
		{"godebug line", false, replace("app/go.mod", "", "\ngodebug panicnil=1\n")},
		{"another replacement", false, replace("app/go.mod", "=> ../lib", "=> ../other")},
		{"go.mod of a replacement", false, replace("lib/go.mod", "go 1.26", "go 1.24")},
		{"go.mod of a replacement that is not used", false, replace("unused/go.mod", "", "\nrequire example.com/lib v1.1.0\n")},
		{"go.mod of a replacement that is not used goes away", false, rename("unused/go.mod", "unused/old.mod")},
		{"a package in two modules", false, toggle("app/ext/sub/sub.go", "package sub\n")},
		{"go.sum", false, toggle("app/go.sum", "example.com/x v1.0.0 h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")},
		{"a workspace", false, toggle("go.work", "go 1.26\n\nuse (\n\t./app\n\t./other\n)\n")},
		{"a workspace nearer by", false, toggle("app/go.work", "go 1.26\n\nuse .\n")},
		{"a workspace without the module", false, toggle("go.work", "go 1.26\n\nuse ./other\n")},
		{"vendor", false, vendor},
		{"a vendored file", false, replace("app/vendor/example.com/lib/lib.go", "lib", "vendored")},
		{"an empty vendor folder", false, func(w *world, _ *rand.Rand) {
			if err := os.Mkdir(w.path("app/vendor"), 0o755); err != nil {
				_ = os.Remove(w.path("app/vendor")) // it stays when there is something in it
			}
		}},
		{"a vendor folder", false, toggle("app/vendor/modules.txt", "## workspace\n")},
		{"a profile", false, toggle("app/default.pgo", "no profile\n")},
		{"-pgo", false, flagged("-pgo=profile")},
		{"a profile for -pgo", false, toggle("app/profile", "no profile\n")},
		{"-tags", false, flagged("-tags=special")},
		{"-ldflags", false, flagged("-ldflags=-s -w -X main.stamp=set")},
		{"go env -w", false, replace("home/.config/go/env", "", "GOPRIVATE=example.com\n")},
		{"go env -w GOFLAGS", false, replace("home/.config/go/env", "", "GOFLAGS=-tags=special\n")},
		{"GOFLAGS", false, variable("GOFLAGS", "-tags=special")},
		{"GOAMD64", false, variable("GOAMD64", "v3")},
		{"HOME", false, variable("HOME", "ROOT/home2")},
		{"PATH", false, variable("PATH", "ROOT/path:"+os.Getenv("PATH"))},
		{"a nested module", false, toggle("app/deep/go.mod", "module example.com/app/deep\n\ngo 1.26\n")},
		{"another main package", false, toggle("app/cmd/x/main.go", main)},
		{"a package becomes a main one", false, replace("app/unrelated/u.go", "package unrelated", "package main")},
		{"davit.yaml", false, replace("app/davit.yaml", "{}", "{ }")},
		{"davit.lock", false, toggle("app/davit.lock", "{}\n")},
		{"a file for the image", false, toggle("app/assets/new.css", "b {}\n")},
	}...)
}

func inertEdits() []edit {
	return []edit{
		{"nothing", true, func(*world, *rand.Rand) {}},
		{"times", true, times},
		{"the same again", true, again("app/main.go")},
		{"the same go.mod again", true, again("app/go.mod")},
		{"the same embedded file again", true, again("app/data/one.txt")},
		{"what is nobody's", true, replace("app/README.md", "me", "nobody")},
		{"a test", true, replace("app/main_test.go", "{}", "{ t.Log() }")},
		{"a file for another system", true, replace("app/deep/er/er_windows.go", `"windows"`, `"dos"`)},
		{"what a pattern does not match", true, func(w *world, r *rand.Rand) {
			if text, _ := w.read("app/data/data.go"); strings.Contains(text, "tpl/*/x.txt") {
				replace("app/data/tpl/de/y.txt", "not", "NOT")(w, r)
			}
		}},
		{"a package that is not imported", true, func(w *world, r *rand.Rand) {
			if text, _ := w.read("app/deep/er/er.go"); !strings.Contains(text, "import") {
				replace("app/unrelated/u.go", "", "\n// Nothing.\n")(w, r)
			}
		}},
		{"a variable that is nobody's", true, variable("EDITOR", "vi")},
	}
}
