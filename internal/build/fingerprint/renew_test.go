package fingerprint_test

import (
	"os"
	"testing"
	"time"
)

// TestRenew: which changes need no other list of packages.
func TestRenew(t *testing.T) {
	for _, test := range []struct {
		name string
		edit edit
		want bool
	}{
		{"a constant", edit{do: replace("app/deep/er/er.go", `"er"`, `"ER"`)}, true},
		{"size and times as before", edit{do: sameLength}, true},
		{"a function in a file that embeds", edit{do: replace("app/data/data.go", `text := ""`, `text := "x"`)}, true},
		{"an embedded file", edit{do: replace("app/data/one.txt", "one", "two")}, true},
		{"times", edit{do: times}, true},
		{"an import", edit{do: replace("app/deep/er/er.go", "package er\n", "package er\n\nimport _ \"unsafe\"\n")}, false},
		{"an import with another name", edit{do: replace("app/main.go", `	"example.com/lib"`, `	lib "example.com/lib"`)}, false},
		{"a build constraint", edit{do: replace("app/extra.go", "!special", "!special && linux")}, false},
		{"a build constraint of a file that is not built", edit{do: replace("app/special.go", "special", "linux")}, false},
		{"a package clause", edit{do: replace("app/special.go", "package main", "package other")}, false},
		{"a go:debug line", edit{do: replace("app/main.go", "package main", "//go:debug panicnil=1\npackage main")}, false},
		{"a pattern", edit{do: replace("app/data/data.go", "one.txt", "one.*")}, false},
		{"a pattern that was in a comment", edit{do: replace("app/data/data.go", "//go:embed all:hid\n", "/*\n//go:embed all:hid\n*/\n")}, false},
		{"a syntax error in the head", edit{do: replace("app/deep/er/er.go", "package er\n", "package er\n\nimport \"\n")}, false},
		{"a file is gone", edit{do: rename("app/special.go", "special.go")}, false},
		{"a new file", edit{do: toggle("app/new.go", "package main\n")}, false},
		{"go.mod", edit{do: replace("app/go.mod", "", "// comment\n")}, false},
		{"davit.yaml", edit{do: replace("app/davit.yaml", "{}", "{ }")}, false},
		{"flags", edit{do: flagged("-tags=special")}, false},
		{"the environment", edit{do: variable("GOAMD64", "v3")}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			record := w.record()
			test.edit.do(w, newRand())
			w.settle()
			request := w.request()
			request.Since = time.Now()
			pending, ok := record.Renew(t.Context(), request)
			if ok != test.want {
				t.Fatalf("renewed is %v", ok)
			}
			if !ok {
				return
			}
			if fresh, why := w.seal(pending).Fresh(os.Environ()); !fresh {
				t.Errorf("what was renewed is not fresh: %s", why)
			}
		})
	}
}
