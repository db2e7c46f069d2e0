package attest_test

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build/attest"
	"github.com/davit-dev/davit/internal/build/sbom"
	"github.com/davit-dev/davit/internal/source"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The fields are those of SLSA Provenance v1 and in-toto Statement v1.
func TestProvenanceIsAsItWas(t *testing.T) {
	statement := provenance(t, someDigest)
	data, err := statement.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var fields any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(fields, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "provenance.golden")
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(got)+"\n" != string(want) {
		t.Errorf("%v; got\n%s", err, got)
	}
}

func TestProvenanceIsStable(t *testing.T) {
	first, err := provenance(t, someDigest).JSON()
	if err != nil {
		t.Fatal(err)
	}
	f := facts(someDigest)
	f.Parameters = json.RawMessage(`{"base":"alpine:3.20","main":["./cmd/orders"]}`) // other spaces, the same
	f.Binaries = append(f.Binaries, f.Binaries[0])                                   // a second program of the same modules
	again, err := attest.Provenance(f)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := again.JSON(); err != nil || string(second) != string(first) {
		t.Errorf("%v; became\n%s", err, second)
	}
}

func TestProvenanceNeedsDigests(t *testing.T) {
	for what, spoil := range map[string]func(*sbom.Facts){
		"image has no name": func(f *sbom.Facts) { f.Name = "" },
		"image":             func(f *sbom.Facts) { f.Digest = "sha256:1" },
		"base alpine:3.20":  func(f *sbom.Facts) { f.Base.Digest = "latest" },
		"source tree":       func(f *sbom.Facts) { f.Source.Tree = "x" },
		"/app/orders":       func(f *sbom.Facts) { f.Binaries[0].SHA256 = "x" },
		"parameters":        func(f *sbom.Facts) { f.Parameters = json.RawMessage("{") },
		"not a digest":      func(f *sbom.Facts) { f.Pins[0].Digest = "" },
	} {
		f := facts(someDigest)
		spoil(&f)
		if _, err := attest.Provenance(f); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestRecipeIsWhatTheProvenanceWasMadeOf(t *testing.T) {
	f := facts(someDigest)
	r, err := attest.ReadRecipe(provenance(t, someDigest))
	if err != nil {
		t.Fatal(err)
	}
	want := attest.Recipe{
		Subjects:   []attest.Resource{{Name: f.Name, Digest: map[string]string{"sha256": someDigest[7:]}}},
		Parameters: json.RawMessage(`{"base":"alpine:3.20","main":["./cmd/orders"]}`),
		Toolchain:  f.Toolchain, Platforms: f.Platforms, Source: f.Source, Pins: f.Pins, Builder: f.Builder,
		Base: sbom.Pin{Reference: f.Base.Name, Digest: f.Base.Digest},
	}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got  %+v\nwant %+v", r, want)
	}
}

// What a recipe holds is handed to git, the go command and registries.
func TestRecipesOfOthersAreRefused(t *testing.T) {
	good := string(provenance(t, someDigest).Predicate)
	for name, c := range map[string]struct{ old, new, want string }{
		"builder":    {attest.BuildType, "https://example.com/make", "davit can build again what davit built"},
		"toolchain":  {`"toolchain":"go1.26.8"`, `"toolchain":"../go"`, `"../go" is not a Go toolchain`},
		"repository": {"git+https://example.com", "git+--upload-pack=x", "is not a repository"},
		"revision":   {strings.Repeat("c", 40), "--help", `"--help" is not a commit`},
		"tree":       {strings.Repeat("d", 64), "d", `"d" is not a SHA-256 digest`},
		"base":       {strings.Repeat("b", 64), "b", `base: "b" is not`},
		"lock":       {strings.Repeat("e", 64), "e", `davit.lock: "e" is not`},
		"JSON":       {`"runDetails":{`, `"runDetails":[{`, "read provenance: "},
	} {
		text := strings.ReplaceAll(good, c.old, c.new)
		_, err := attest.ReadRecipe(attest.Statement{PredicateType: attest.ProvenanceType, Predicate: json.RawMessage(text)})
		if text == good || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %s", name, err, c.want)
		}
	}
	if _, err := attest.ReadRecipe(attest.Statement{PredicateType: attest.SPDXType}); err == nil {
		t.Error("a bill of materials was taken for a provenance")
	}
}

// The law: a recipe that can be read makes the provenance that it is read from
// again.
func FuzzReadRecipe(f *testing.F) {
	statement, err := attest.Provenance(facts(someDigest))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(statement.Predicate))
	f.Add([]byte(`{"buildDefinition":{"buildType":"` + attest.BuildType + `"}}`))
	f.Fuzz(func(t *testing.T, predicate []byte) {
		first, err := attest.ReadRecipe(attest.Statement{PredicateType: attest.ProvenanceType, Predicate: predicate})
		if err != nil {
			return
		}
		made, err := attest.Provenance(sbom.Facts{
			Name: "n", Digest: someDigest, Platforms: first.Platforms, Builder: first.Builder,
			Base:   sbom.Base{Name: first.Base.Reference, Digest: first.Base.Digest},
			Source: first.Source, Toolchain: first.Toolchain, Parameters: first.Parameters, Pins: first.Pins,
		})
		if err != nil {
			return // a digest that Provenance would not have left out
		}
		again, err := attest.ReadRecipe(made)
		if err != nil {
			t.Fatalf("%s: %v", made.Predicate, err)
		}
		if again.Source != first.Source || again.Toolchain != first.Toolchain || again.Builder != first.Builder {
			t.Errorf("%+v became %+v", first, again)
		}
	})
}

func TestDebugInfoNeedsSome(t *testing.T) {
	env, err := source.GoEnv()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/m\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	build := func(name string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), "go", append(append([]string{"build", "-buildvcs=false", "-o", name}, args...), ".")...)
		cmd.Dir, cmd.Env = dir, append(env, "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return filepath.Join(dir, name)
	}
	if _, err := attest.DebugInfo(build("bare", "-ldflags=-s -w"), "/app/m"); err == nil || !strings.Contains(err.Error(), "-w") {
		t.Errorf("error %v", err)
	}
	full := build("full")
	artifact, err := attest.DebugInfo(full, "/app/m")
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, true, nil)
	for range 2 {
		if err := attest.Attach(t.Context(), s.repo, s.subject, []attest.Artifact{artifact}); err != nil {
			t.Fatal(err)
		}
	}
	found, err := attest.Find(t.Context(), s.image(), attest.DebugInfoType)
	if err != nil || len(found) != 1 || found[0].Annotations["dev.davit.image.path"] != "/app/m" {
		t.Fatalf("%v, %v", found, err)
	}
	data, err := attest.Read(t.Context(), s.image(), found[0])
	if err != nil {
		t.Fatal(err)
	}
	if want, err := os.ReadFile(full); err != nil || string(data) != string(want) {
		t.Errorf("%d bytes, not the %d of the program; %v", len(data), len(want), err)
	}
}
