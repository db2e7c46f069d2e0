package ignore_test

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check/ignore"
)

// excluded asks for a path the way a walk through the context does.
func excluded(l *ignore.List, name string) bool {
	var in ignore.Folder
	out := false
	for i := range len(name) + 1 {
		if i == len(name) || name[i] == '/' {
			out, in = l.Excluded(name[:i], in)
		}
	}
	return out
}

// TestExcluded holds what docker itself says about these lists.
func TestExcluded(t *testing.T) {
	for source, want := range map[string]string{
		"":                             "+a +a/b",
		"a":                            "-a -a/b -a/b/c +b/a +ab",
		"/a/":                          "-a -a/b +b/a",
		"./a":                          "-a",
		"a/../b":                       "+a -b",
		"*":                            "-a -a/b -.git",
		"*.md":                         "-README.md +docs/x.md",
		"*/*.md":                       "+README.md -docs/x.md +docs/a/x.md",
		"**/*.md":                      "-README.md -docs/x.md -docs/a/x.md",
		"**":                           "-a -a/b",
		"**.log":                       "-x.log -a/x.log +x.logs",
		"**/vendor":                    "-vendor -a/vendor -a/vendor/b +xvendor +a/xvendor",
		"a/**":                         "+a -a/b -a/b/c +ab",
		"a/**/b":                       "+a -a/b -a/x/b -a/x/y/b +a/xb",
		"?":                            "-a +ab",
		"[a-c]x":                       "-ax -cx +dx",
		"[^a]x":                        "+ax -bx",
		`a\*`:                          "-a* +ab",
		"a.b":                          "-a.b +axb",
		"a(b)":                         "-a(b)",
		"# a\na":                       "-a +#",
		" # a":                         "-# a +a",
		"\ufeffa":                      "-a",
		"a \r\n\tb\r\n":                "-a -b",
		"*\n!go.mod\n!cmd":             "-a +go.mod +cmd +cmd/x/y -x/go.mod",
		"*\n!cmd\ncmd/x":               "+cmd +cmd/y -cmd/x -cmd/x/y",
		"*\n!**/*.go":                  "+main.go +a/b.go -a -a/b.txt",
		"*\n!cmd/**":                   "-cmd +cmd/a",
		"x/y\n!x":                      "-x/y +x", // an exception counts where its own folder was left out
		"x\n!x/y":                      "-x +x/y -x/z +x/y/z",
		"!a\na":                        "-a",
		"a\n!a\na":                     "-a",
		".git\n**/.DS_Store\nDockerf*": "-.git -.git/HEAD -a/.DS_Store -.DS_Store -Dockerfile +a/Dockerfile",
	} {
		l, err := ignore.Parse([]byte(source))
		if err != nil {
			t.Errorf("%q: %v", source, err)
			continue
		}
		for word := range strings.FieldsSeq(strings.ReplaceAll(want, "# a", "#~a")) {
			name := strings.ReplaceAll(word[1:], "~", " ")
			if got := excluded(l, name); got != (word[0] == '-') {
				t.Errorf("%q leaves out %q: %v", source, name, got)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for source, want := range map[string]string{
		"a\n!":    `line 2: "!"`,
		"a\n\n[b": `line 3: "[b"`,
		`a\`:      `line 1: "a\\"`,
	} {
		if _, err := ignore.Parse([]byte(source)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", source, err, want)
		}
	}
}

// FuzzParse: a list without exceptions that leaves out a folder leaves out all
// in it, one more exception for everything leaves out nothing that it covers,
// and comments and line ends change nothing.
func FuzzParse(f *testing.F) {
	f.Add("*\n!go.mod\n", "a/b")
	f.Add("**/x\n[a-]\n", "x/y/z")
	f.Add(`a\`+"\n**.log\na**b", "a/q/b")
	f.Fuzz(func(t *testing.T, source, name string) {
		l, err := ignore.Parse([]byte(source))
		if err != nil {
			return
		}
		name = strings.TrimPrefix(path.Clean("/"+name), "/")
		if name == "" {
			return
		}
		got := excluded(l, name)
		if dir := path.Dir(name); dir != "." && !l.Exceptions() && excluded(l, dir) && !got {
			t.Errorf("%q leaves out %q and not %q", source, path.Dir(name), name)
		}
		same, err := ignore.Parse([]byte("# nothing\n" + strings.TrimPrefix(source, "\ufeff") + "\n\n#\n"))
		if err != nil || excluded(same, name) != got {
			t.Errorf("%q with comments: %v", source, err)
		}
		if all, err := ignore.Parse([]byte(source + "\n**\n!**")); err != nil || excluded(all, name) {
			t.Errorf("%q with an exception for all leaves out %q: %v", source, name, err)
		}
	})
}

func TestPatterns(t *testing.T) {
	source := "\ufeff# a\r\n /a/b \r\n\n!c\n"
	l, err := ignore.Parse([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, p := range l.Patterns() {
		got += fmt.Sprintf("%q %q %v|", source[p.Start:p.End], p.Word, p.Exception)
	}
	if want := `"/a/b" "a/b" false|"!c" "c" true|`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, here := l.Excluded("c", ignore.Folder{}); l.Deciding(here) != -1 || l.Match(0, "c") || !l.Match(1, "c") {
		t.Error("an exception from nothing decides nothing")
	}
	if _, here := l.Excluded("a/b", ignore.Folder{}); l.Deciding(here) != 0 {
		t.Error("a/b is left out by the first pattern")
	}
	var wrong *ignore.Error
	if _, err := ignore.Parse([]byte("a\n b[ \n")); !errors.As(err, &wrong) || wrong.Start != 3 || wrong.End != 5 || wrong.Line != 2 {
		t.Errorf("%+v", wrong)
	}
}
