package ko_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/davit-dev/davit/internal/build/ko"
)

const image = "registry.example.com/team/api-0cc175b9:latest@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func resolve(t *testing.T, name, in string) (string, error) {
	t.Helper()
	m, err := ko.ParseManifest(name, []byte(in))
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = ko.Resolver{Build: built}.Resolve(t.Context(), &out, m)
	return out.String(), err
}

func built(_ context.Context, importPath string) (string, error) {
	return "r.example.com/" + strings.ToLower(importPath) + "@sha256:00", nil
}

// Everything but the references stays, byte for byte.
func TestResolveKeepsEveryOtherByte(t *testing.T) {
	for name, tc := range map[string]struct{ in, out string }{
		"plain":             {"image: ko://example.com/A # why\n", "image: r.example.com/example.com/a@sha256:00 # why\n"},
		"no break at end":   {"ko://a", "r.example.com/a@sha256:00"},
		"single quotes":     {"a:   'ko://a'   \n", "a:   'r.example.com/a@sha256:00'   \n"},
		"double quotes":     {`a: "ko://a"`, `a: "r.example.com/a@sha256:00"`},
		"escapes":           {`a: "\x6bo:\u002f/a"`, `a: "r.example.com/a@sha256:00"`},
		"quoted over lines": {"a: \"ko://a\n\n  \"\nb: 1\n", "a: \"r.example.com/a@sha256:00\"\nb: 1\n"},
		"literal":           {"a: | # ko://a\n   ko://a\n\nb: 1\n", "a: | # ko://a\n   r.example.com/a@sha256:00\n\nb: 1\n"},
		"folded":            {"a: >-\n ko://a\n", "a: >-\n r.example.com/a@sha256:00\n"},
		"key":               {"ko://a: ko://b\n", "r.example.com/a@sha256:00: r.example.com/b@sha256:00\n"},
		"explicit key":      {"? ko://a\n: 1\n", "? r.example.com/a@sha256:00\n: 1\n"},
		"flow":              {"{a: [ko://a,ko://b , 'ko://a'], ko://b: 1}", "{a: [r.example.com/a@sha256:00,r.example.com/b@sha256:00 , 'r.example.com/a@sha256:00'], r.example.com/b@sha256:00: 1}"},
		"json":              {"{\"a\":\"ko://a\"}\n", "{\"a\":\"r.example.com/a@sha256:00\"}\n"},
		"anchor and alias":  {"a: &x ko://a\nb: *x\n", "a: &x r.example.com/a@sha256:00\nb: *x\n"},
		"tag":               {"a: !!str &x ko://a\nb: !!str # c\n  'ko://b'\n", "a: !!str &x r.example.com/a@sha256:00\nb: !!str # c\n  'r.example.com/b@sha256:00'\n"},
		"merge":             {"x: &x {i: ko://a}\ny:\n  <<: *x\n", "x: &x {i: r.example.com/a@sha256:00}\ny:\n  <<: *x\n"},
		"documents":         {"%YAML 1.1\n---\na: ko://a\n...\n# c\n---\n\n---   \n- ko://b\n", "%YAML 1.1\n---\na: r.example.com/a@sha256:00\n...\n# c\n---\n\n---   \n- r.example.com/b@sha256:00\n"},
		"CR LF":             {"a: 1\r\nb: ko://a\r\n", "a: 1\r\nb: r.example.com/a@sha256:00\r\n"},
		"other letters":     {"ü: 日本 # é\n日本: {é: ko://a}\n", "ü: 日本 # é\n日本: {é: r.example.com/a@sha256:00}\n"},
		"line separator":    {"a: \"x\u2028y\u0085z\"\nb: ko://a\n", "a: \"x\u2028y\u0085z\"\nb: r.example.com/a@sha256:00\n"},
		"byte order mark":   {"\uFEFFa: ko://a\n", "\uFEFFa: r.example.com/a@sha256:00\n"},
		"tabs":              {"a:\t\tko://a\t# x\n", "a:\t\tr.example.com/a@sha256:00\t# x\n"},
		"not at the start":  {"a: x ko://a\nb: ' ko://a'\nc: '--image=ko://a'\nd: !x ko://a\n# ko://a\n", "a: x ko://a\nb: ' ko://a'\nc: '--image=ko://a'\nd: !x ko://a\n# ko://a\n"},
		"odd layout":        {"a:   {  b : 1 }\n\n\n#x\nlist:\n- ko://a\n-   {c:  ko://b}\n", "a:   {  b : 1 }\n\n\n#x\nlist:\n- r.example.com/a@sha256:00\n-   {c:  r.example.com/b@sha256:00}\n"},
		"nothing":           {"", ""},
		"only a comment":    {"# nothing\n", "# nothing\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := resolve(t, "x.yaml", tc.in); err != nil || out != tc.out {
				t.Errorf("got %q, %v\nwant %q", out, err, tc.out)
			}
		})
	}
}

func TestResolveSaysWhereItFails(t *testing.T) {
	for in, want := range map[string]string{
		"a: 1\nimage: ko://\n":             `x.yaml:2:8: "ko://" is not a reference to a package`,
		"a: [1, ko://a b]\n":               `x.yaml:1:8: "ko://a b" is not a reference to a package`,
		"a: ko://{{ .Values.main }}\n":     `x.yaml:1:4: "ko://{{ .Values.main }}" is not a reference to a package`,
		"a: ko://a\nb: [\n":                "x.yaml:2:1: not YAML: ",
		"\xff\xfea\x00":                    "x.yaml:1:1: the file is in UTF-16",
		"a: \"ko://exa\\\n  mple.com/a\"":  "", // joined: still one word
		"a: ko://a\n  b\n":                 "x.yaml:1:4: ",
		"a: |\n  ko://a\n  ko://b\nc: 2\n": "x.yaml:1:4: ",
	} {
		_, err := resolve(t, "x.yaml", in)
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%q: got %v, want %s", in, err, want)
		}
	}
}

func TestAFailedBuildWritesNothingAndSaysWhere(t *testing.T) {
	broken := errors.New("does not compile")
	m, err := ko.ParseManifest("x.yaml", []byte("a: ko://fine\nb:\n  - ko://broken\n  - ko://broken\n"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = ko.Resolver{Build: func(_ context.Context, importPath string) (string, error) {
		if importPath == "broken" {
			return "", broken
		}
		return image, nil
	}}.Resolve(t.Context(), &out, m)
	if !errors.Is(err, broken) || err.Error() != "x.yaml:3:5: ko://broken: does not compile" {
		t.Errorf("got %v", err)
	}
	if out.Len() > 0 {
		t.Errorf("wrote %q", out.String())
	}
}

func TestResolveRefusesWhatIsNoReference(t *testing.T) {
	m, err := ko.ParseManifest("x.yaml", []byte("a: ko://a\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "two words", "line\nbreak"} {
		if out, err := m.Replace(map[string]string{"a": bad}); err == nil {
			t.Errorf("%q became %q", bad, out)
		}
	}
	if _, err := m.Replace(nil); err == nil {
		t.Error("an image that was not built was not missed")
	}
}

// What would mean something else without quotes gets some.
func TestResolveQuotesWhereItMust(t *testing.T) {
	m, err := ko.ParseManifest("x.yaml", []byte("a: ko://a\n"))
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"[::1]:5000/app": "a: \"[::1]:5000/app\"\n",
		"0x1f":           "a: \"0x1f\"\n",
		image:            "a: " + image + "\n",
	} {
		if out, err := m.Replace(map[string]string{"a": in}); err != nil || string(out) != want {
			t.Errorf("%s: got %q, %v", in, out, err)
		}
	}
}

// Each import path is built once, whatever number of manifests name it, and as
// many at a time as allowed.
func TestResolveBuildsEachOnceAndSideBySide(t *testing.T) {
	var manifests []ko.Manifest
	for _, text := range []string{"- ko://a\n- ko://b\n", "- ko://b\n- ko://c\n- ko://a\n", "- ko://d"} {
		m, err := ko.ParseManifest("x.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		manifests = append(manifests, m)
	}
	const limit = 2
	var mu sync.Mutex
	var calls []string
	var running, most atomic.Int32
	both := make(chan struct{})
	var once sync.Once
	r := ko.Resolver{Limit: limit, Build: func(ctx context.Context, importPath string) (string, error) {
		mu.Lock()
		calls = append(calls, importPath)
		mu.Unlock()
		now := running.Add(1)
		defer running.Add(-1)
		if now > most.Load() {
			most.Store(now)
		}
		if now == limit {
			once.Do(func() { close(both) })
		}
		select {
		case <-both: // nobody goes on before two are here
		case <-ctx.Done():
			return "", ctx.Err()
		}
		return "r/" + importPath, nil
	}}
	var out bytes.Buffer
	if err := r.Resolve(t.Context(), &out, manifests...); err != nil {
		t.Fatal(err)
	}
	if len(calls) != 4 || most.Load() != limit {
		t.Errorf("built %v, %d at a time", calls, most.Load())
	}
	want := "- r/a\n- r/b\n---\n- r/b\n- r/c\n- r/a\n---\n- r/d"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestManifestsAreKeptApart(t *testing.T) {
	for name, tc := range map[string]struct{ first, second, want string }{
		"no break":      {"a: 1", "b: 2\n", "a: 1\n---\nb: 2\n"},
		"own separator": {"a: 1\n", "# c\n\n---\nb: 2\n", "a: 1\n# c\n\n---\nb: 2\n"},
		"directive":     {"a: 1\n", "%YAML 1.1\n---\nb: 2\n", "a: 1\n...\n%YAML 1.1\n---\nb: 2\n"},
		"ended":         {"a: 1\n...\n", "%YAML 1.1\n---\nb: 2\n", "a: 1\n...\n%YAML 1.1\n---\nb: 2\n"},
		"mark":          {"a: 1\n", "\uFEFFb: 2\n", "a: 1\n---\nb: 2\n"},
		"json":          {"{}\n", "{\"b\":2}", "{}\n---\n{\"b\":2}"},
	} {
		var manifests []ko.Manifest
		for _, text := range []string{tc.first, tc.second} {
			m, err := ko.ParseManifest("x.yaml", []byte(text))
			if err != nil {
				t.Fatal(name, err)
			}
			manifests = append(manifests, m)
		}
		var out bytes.Buffer
		if err := (ko.Resolver{Build: built}).Resolve(t.Context(), &out, manifests...); err != nil || out.String() != tc.want {
			t.Errorf("%s: got %q, %v, want %q", name, out.String(), err, tc.want)
		}
	}
}

func TestReadManifests(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"config/b.yaml": "b", "config/a.yml": "a", "config/c.json": `"c"`, "config/README.md": "{", "config/deep/d.yaml": "d", "other.txt": "o",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(recursive bool, paths ...string) string {
		t.Helper()
		for i, path := range paths {
			if path != "-" {
				paths[i] = filepath.Join(dir, path)
			}
		}
		manifests, err := ko.ReadManifests(paths, recursive, strings.NewReader("ko://stdin"))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := (ko.Resolver{Build: built}).Resolve(t.Context(), &out, manifests...); err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(out.String(), "\n---\n", " ")
	}
	if got, want := read(false, "config", "-", "other.txt"), `a b "c" r.example.com/stdin@sha256:00 o`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := read(true, "config"), `a b "c" d`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, bad := range []string{filepath.Join(dir, "none"), t.TempDir(), "https://example.com/a.yaml"} {
		if _, err := ko.ReadManifests([]string{bad}, false, nil); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

// The law: the documents of the result are those of the input, with images in
// place of the references and nothing else changed.
func FuzzResolve(f *testing.F) {
	for _, seed := range []string{
		"a: ko://a # c\n", "- 'ko://a'\n- \"ko://b\"\n", "a: |\n  ko://a\n", "a: >-\n  ko://a\n\n", "{ko://a: [ko://b,ko://c]}",
		"a: &x ko://a\nb: *x\n", "!!str &a ko://a", "? ko://a\n: ko://b\n---\nko://c\n...\n", "\uFEFFa: ko://a\r\nb: ko://b\r", "ü\u2028: ko://é\n",
		"a: \"ko:\\\n  //a\"", "a: !<tag:yaml.org,2002:str> ko://a", "&a !!str # c\n ko://a", "ko://a:\n ko://b: 1", "- - ko://a\n  -\tko://b",
		"'ko://a' : |2\n   ko://b\n", "ko://a\n\t",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, in string, quoted bool) {
		m, err := ko.ParseManifest("x.yaml", []byte(in))
		if err != nil {
			return
		}
		prefix := "r.example.com/"
		if quoted {
			prefix = "[::1]:5000/"
		}
		images := map[string]string{}
		for _, importPath := range m.ImportPaths() {
			images[importPath] = prefix + "x" // the path may hold letters that no image has
		}
		out, err := m.Replace(images)
		if quoted && err != nil {
			return // not everywhere where a plain text may be, a quoted one may
		}
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if len(images) == 0 {
			if string(out) != in {
				t.Fatalf("%q became %q", in, out)
			}
			return
		}
		before, after := documents(t, in), documents(t, string(out))
		if len(before) != len(after) {
			t.Fatalf("%q: %d documents became %d: %q", in, len(before), len(after), out)
		}
		for i := range before {
			compare(t, before[i], after[i], images)
		}
	})
}

func documents(t *testing.T, text string) []*yaml.Node {
	t.Helper()
	var all []*yaml.Node
	for decoder := yaml.NewDecoder(strings.NewReader(text)); ; {
		var n yaml.Node
		if err := decoder.Decode(&n); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		all = append(all, &n)
	}
}

func compare(t *testing.T, before, after *yaml.Node, images map[string]string) {
	t.Helper()
	want := before.Value
	if before.Kind == yaml.ScalarNode && before.ShortTag() == "!!str" && strings.HasPrefix(want, ko.Scheme) {
		want = images[strings.TrimPrefix(strings.TrimSpace(want), ko.Scheme)]
		if before.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			want += strings.TrimPrefix(before.Value, strings.TrimSpace(before.Value)) // the blanks after it stay
		}
	}
	if before.Kind != after.Kind || before.ShortTag() != after.ShortTag() || before.Anchor != after.Anchor ||
		after.Value != want || len(before.Content) != len(after.Content) {
		t.Fatalf("%q (%s) became %q (%s), want %q", before.Value, before.ShortTag(), after.Value, after.ShortTag(), want)
	}
	for i := range before.Content {
		compare(t, before.Content[i], after.Content[i], images)
	}
}
