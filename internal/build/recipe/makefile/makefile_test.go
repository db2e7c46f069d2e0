package makefile_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/davit-dev/davit/internal/build/recipe/makefile"
)

var update = flag.Bool("update", false, "write the expected outputs anew")

// world is the files of an archive and the answers of a shell.
type world struct {
	files map[string]string
	shell map[string]string
	out   *strings.Builder
}

func (w world) Shell(_ context.Context, line makefile.Line) (string, error) {
	command := line.Text
	if answer, known := w.shell[command]; known {
		return strings.ReplaceAll(answer, `\n`, "\n") + "\n", nil
	}
	return "", fmt.Errorf("%s is not understood", command)
}

func (w world) Look(_ context.Context, name string) (makefile.Entry, error) {
	name = strings.TrimPrefix(name, "/src/")
	name = path.Clean(name)
	if text, found := w.files[name]; found {
		return makefile.Entry{Exists: true, Age: strings.Count(text, "newer")}, nil
	}
	for file := range w.files {
		if strings.HasPrefix(file, name+"/") {
			return makefile.Entry{Exists: true, Dir: true}, nil
		}
	}
	return makefile.Entry{}, nil
}

func (w world) Names(_ context.Context, dir string) ([]string, error) {
	names := map[string]bool{}
	for file := range w.files {
		if rest, inside := strings.CutPrefix(path.Join("/", file), strings.TrimSuffix(path.Join("/", dir), "/")+"/"); inside {
			first, _, _ := strings.Cut(rest, "/")
			names[first] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

func (w world) Read(_ context.Context, name string) ([]byte, bool, error) {
	text, found := w.files[path.Clean(name)]
	return []byte(text), found, nil
}

func (w world) Run(_ context.Context, line makefile.Line) error {
	fmt.Fprintf(w.out, "%s: %s", line.Place, strings.ReplaceAll(line.Text, "\n", `\n`))
	for _, name := range slices.Sorted(maps.Keys(line.Env)) {
		fmt.Fprintf(w.out, " [%s=%s]", name, line.Env[name])
	}
	if line.Shell != "/bin/sh" || line.Flags != "-c" {
		fmt.Fprintf(w.out, " [%s %s]", line.Shell, line.Flags)
	}
	if line.MayFail {
		w.out.WriteString(" [may fail]")
	}
	w.out.WriteString("\n")
	return nil
}

// made is what make does in an archive: the lines that it runs, and why it stops.
func made(ctx context.Context, archive *txtar.Archive) string {
	w := world{files: map[string]string{}, shell: map[string]string{}, out: &strings.Builder{}}
	for _, f := range archive.Files {
		w.files[f.Name] = string(f.Data)
	}
	for line := range strings.Lines(w.files["shell"]) {
		command, answer, _ := strings.Cut(strings.TrimSpace(line), " => ")
		w.shell[command] = answer
	}
	o := makefile.Options{Dir: "/src", Overrides: map[string]string{}, Env: map[string]string{"PATH": "/bin"}}
	for word := range strings.FieldsSeq(string(archive.Comment)) {
		name, value, isValue := strings.Cut(word, "=")
		switch {
		case strings.HasPrefix(word, "$"):
			o.Env[name[1:]] = value
		case isValue:
			o.Overrides[name] = value
		case word == "-B":
			o.Remake = true
		default:
			o.Targets = append(o.Targets, word)
		}
	}
	f, err := makefile.Parse("Makefile", []byte(w.files["Makefile"]))
	if err == nil {
		m := makefile.New(w, w, o)
		if err = m.Read(ctx, f); err == nil {
			err = m.Run(ctx)
		}
	}
	failed := (*makefile.FailedError)(nil)
	switch {
	case errors.As(err, &failed):
		fmt.Fprintf(w.out, "FAILS: %v\n", err)
	case err != nil:
		fmt.Fprintf(w.out, "NOT UNDERSTOOD: %v\n", err)
	}
	return w.out.String()
}

// TestMake runs make on each archive of testdata. Its comment is the words behind
// "make", with $NAME=value for the environment; the file "want" is what runs.
func TestMake(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d archives, %v", len(names), err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want" })
			if at < 0 {
				archive.Files = append(archive.Files, txtar.File{Name: "want"})
				at = len(archive.Files) - 1
			}
			want := archive.Files[at]
			rest := &txtar.Archive{Comment: archive.Comment, Files: slices.Delete(slices.Clone(archive.Files), at, at+1)}
			got := made(t.Context(), rest)
			if got == string(want.Data) {
				return
			}
			if !*update {
				t.Fatalf("got\n%s\nwant\n%s", got, want.Data)
			}
			archive.Files[at].Data = []byte(got)
			if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// FuzzMake gives make anything. It must come to an end, and whatever it runs
// says where it stands.
func FuzzMake(f *testing.F) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name == "Makefile" {
				f.Add(file.Data)
			}
		}
	}
	f.Add([]byte("A=$(A)$(A)\nall:\n\techo $A"))
	f.Add([]byte("A=$(B)$(B)\nB=$(C)$(C)\nC=$(foreach i,1 2 3 4 5 6 7 8 9,$(D)$(D))\nD=$(call A,$(A))x\nall:\n\techo $A"))
	f.Add([]byte("$(eval $(eval x:=$$(eval y)))\n%:%.x\n\techo $*\n%.x:%\n\techo $<"))
	f.Add([]byte("include Makefile\nall: all"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got := made(t.Context(), &txtar.Archive{Files: []txtar.File{{Name: "Makefile", Data: data}, {Name: "a.go"}, {Name: "b/c.go"}}})
		first, _, _ := strings.Cut(got, ":")
		if got != "" && first != "Makefile" && first != "FAILS" && first != "NOT UNDERSTOOD" {
			t.Errorf("%q", got)
		}
		if len(got) > 1<<24 {
			t.Errorf("%d bytes", len(got))
		}
	})
}
