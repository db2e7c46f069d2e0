package verify_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/verify"
)

var update = flag.Bool("update", false, "write the golden files")

func TestErrorsOfFiles(t *testing.T) {
	for _, path := range files(t, "errors") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := verify.ParseFile(filepath.Base(path), data)
		if err == nil {
			t.Errorf("%s was taken as %+v", path, file)
			continue
		}
		golden := strings.TrimSuffix(path, ".yaml") + ".out"
		if *update {
			if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, readErr := os.ReadFile(golden)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if got := err.Error() + "\n"; got != string(want) {
			t.Errorf("%s:\n%swant:\n%s", path, got, want)
		}
	}
}

// files returns the YAML files of a folder of testdata, at least one.
func files(tb testing.TB, folder string) []string {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", folder, "*.yaml"))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("testdata/%s holds no files: %v", folder, err)
	}
	return paths
}

func TestProblemsOfAFileAreBounded(t *testing.T) {
	_, err := verify.ParseFile("a.yaml", bytes.Repeat([]byte("- x\n"), 1000))
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 21 || lines[20] != "a.yaml: and 980 more" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

func TestDeepValueIsRefused(t *testing.T) {
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	_, err := verify.ParseFile("a.yaml", []byte("- request: GET /\n  expect: {json: {$.a: "+deep+"}}\n"))
	if err == nil || !strings.Contains(err.Error(), "nested more than 64 deep") {
		t.Errorf("got %v", err)
	}
}

// FuzzParseFile: no bytes make the parser panic, and what it accepts is valid and
// survives the way through a plan.
func FuzzParseFile(f *testing.F) {
	for _, path := range append(files(f, "errors"), files(f, "accepted")...) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := verify.ParseFile("a.yaml", data)
		if err != nil {
			return
		}
		suite := verify.Suite{Files: []verify.File{file}}
		if len(file.Assertions) > 1000 {
			return
		}
		if err := suite.Validate(); err != nil {
			t.Fatalf("accepted, but not valid: %v", err)
		}
		survives(t, suite)
	})
}

// survives sends a suite through JSON in both forms in which it travels, and
// compares its digest.
func survives(t *testing.T, suite verify.Suite) {
	t.Helper()
	before, err := suite.Digest()
	if err != nil {
		t.Fatal(err)
	}
	escaped, err := json.Marshal(suite)
	if err != nil {
		t.Fatal(err)
	}
	indented, err := json.MarshalIndent(suite, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{escaped, indented} {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		var read verify.Suite
		if err := dec.Decode(&read); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		if err := read.Validate(); err != nil {
			t.Fatalf("not valid any more: %v: %s", err, data)
		}
		if after, err := read.Digest(); err != nil || after != before {
			t.Fatalf("digest was %s, is %s, %v: %s", before, after, err, data)
		}
	}
}
