package sbom_test

import (
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/build/sbom"
)

var update = flag.Bool("update", false, "write the golden files anew")

// facts are those of an image with all that a bill can hold.
func facts() sbom.Facts {
	sum := func(digit string) string { return strings.Repeat(digit, 64) }
	shop := debug.BuildInfo{
		GoVersion: "go1.26.8 X:nodwarf5", Path: "example.com/shop/cmd/shop",
		Main: debug.Module{Path: "example.com/shop", Version: "(devel)"},
		Deps: []*debug.Module{
			{Path: "github.com/BurntSushi/toml", Version: "v1.4.0", Sum: "h1:kuoIxZQy2WRRk1pttg9asf+WVv6tWQuBNVmK8+nqPr0="},
			{Path: "example.com/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/new", Version: "v2.0.0+incompatible"}},
			{Path: "example.com/local", Version: "v1.0.0", Replace: &debug.Module{Path: "../local", Version: "(devel)"}},
			{Path: "example.com/secret", Version: "v1.0.0", Replace: &debug.Module{Path: "/home/me/secret"}},
			{Path: "example.com/workspace", Version: "(devel)"},
		},
	}
	worker := shop
	worker.Path, worker.Deps = "example.com/shop/cmd/worker", slices.Clone(shop.Deps[:1])
	return sbom.Facts{
		Name: "ghcr.io/Team/shop", Digest: "sha256:" + sum("a"), Platforms: []string{"linux/amd64"}, Builder: "v0.3.0",
		Binaries: []sbom.Binary{
			{Path: "/app/shop", SHA256: sum("1"), Info: &shop},
			{Path: "/app/worker", SHA256: sum("2"), Info: &worker},
			{Path: "/app/tool", SHA256: sum("3")},
		},
		Base: sbom.Base{
			Name: "registry.example.com:5000/alpine:3.20", Digest: "sha256:" + sum("b"), OS: "alpine", OSVersion: "3.20.1",
			Packages: []sbom.Package{
				{Type: "apk", Name: "musl", Version: "1.2.5-r0", Architecture: "x86_64"},
				{Type: "apk", Name: "libstdc++", Version: "13.2.1_git20240309-r0", Architecture: "x86_64"},
			},
		},
		Source: sbom.Source{
			Repository: "https://example.com/team/shop", Revision: strings.Repeat("c", 40), Tree: "sha256:" + sum("d"),
		},
		Toolchain: "go1.26.8",
	}
}

// writers are the two formats.
func writers() map[string]func(sbom.Facts) ([]byte, error) {
	return map[string]func(sbom.Facts) ([]byte, error){"spdx": sbom.SPDX, "cyclonedx": sbom.CycloneDX}
}

func write(t *testing.T, format string, f sbom.Facts) map[string]any {
	t.Helper()
	data, err := writers()[format](f)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

func TestBillsAreAsTheyWere(t *testing.T) {
	for format := range writers() {
		got, err := json.MarshalIndent(write(t, format, facts()), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", format+".golden")
		if *update {
			if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || string(got)+"\n" != string(want) {
			t.Errorf("%s: %v; got\n%s", format, err, got)
		}
	}
}

func TestTheOrderOfTheFactsDoesNotCount(t *testing.T) {
	for format, write := range writers() {
		first, err := write(facts())
		if err != nil {
			t.Fatal(err)
		}
		turned := facts()
		slices.Reverse(turned.Binaries)
		slices.Reverse(turned.Base.Packages)
		slices.Reverse(turned.Binaries[2].Info.Deps)
		again, err := write(turned)
		if err != nil || string(again) != string(first) {
			t.Errorf("%s: %v; the bytes differ", format, err)
		}
	}
}

func TestBillsNeedDigests(t *testing.T) {
	for format, write := range writers() {
		if _, err := write(sbom.Facts{Name: "x", Digest: "latest"}); err == nil || !strings.Contains(err.Error(), `"latest" is not a digest`) {
			t.Errorf("%s: %v", format, err)
		}
		if _, err := write(sbom.Facts{Name: "x", Digest: "sha256:" + strings.Repeat("0", 64)}); err != nil {
			t.Errorf("%s of nothing but an image: %v", format, err)
		}
	}
}

func TestCreatedIsWhatTheFactsSay(t *testing.T) {
	f := facts()
	if got := write(t, "spdx", f)["creationInfo"].(map[string]any)["created"]; got != "1970-01-01T00:00:00Z" {
		t.Errorf("created %v", got)
	}
	f.Created = time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	if got := write(t, "cyclonedx", f)["metadata"].(map[string]any)["timestamp"]; got != "2026-01-02T02:04:05Z" {
		t.Errorf("timestamp %v", got)
	}
}

// shape is what a schema says of an object: what every field that may be there
// has to look like. A field that begins with ! has to be there.
type shape map[string]string

func (s shape) check(t *testing.T, where string, object any) {
	t.Helper()
	fields, ok := object.(map[string]any)
	if !ok {
		t.Errorf("%s is not an object: %v", where, object)
		return
	}
	known := map[string]bool{}
	for name, form := range s {
		plain := strings.TrimPrefix(name, "!")
		known[plain] = true
		value, found := fields[plain]
		text, isText := value.(string)
		switch {
		case !found && name != plain:
			t.Errorf("%s lacks %s", where, plain)
		case found && form != "" && (!isText || !regexp.MustCompile(form).MatchString(text)):
			t.Errorf("%s: %s is %v, not %s", where, plain, value, form)
		}
	}
	for name := range fields {
		if !known[name] {
			t.Errorf("%s: the schema knows no %s", where, name)
		}
	}
}

func list(t *testing.T, object any, name string) []any {
	t.Helper()
	values, ok := object.(map[string]any)[name].([]any)
	if !ok {
		t.Errorf("%s is not a list", name)
	}
	return values
}

const (
	when   = `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`
	spdxID = `^SPDXRef-[A-Za-z0-9.-]+$`
	none   = `^NOASSERTION$`
)

// The rules are those of SPDX 2.3 and its JSON schema.
func TestSPDXFollowsTheSpecification(t *testing.T) {
	doc := write(t, "spdx", facts())
	shape{
		"!spdxVersion": `^SPDX-2\.3$`, "!dataLicense": `^CC0-1\.0$`, "!SPDXID": `^SPDXRef-DOCUMENT$`, "!name": `.`,
		"!documentNamespace": `^https://[^#\s]+$`, "!creationInfo": "", "packages": "", "relationships": "",
	}.check(t, "document", doc)
	shape{"!created": when, "!creators": ""}.check(t, "creationInfo", doc["creationInfo"])
	if creator := list(t, doc["creationInfo"], "creators")[0]; creator != "Tool: davit-v0.3.0" {
		t.Errorf("creator %v", creator)
	}
	ids := map[string]bool{"SPDXRef-DOCUMENT": true}
	for _, p := range list(t, doc, "packages") {
		shape{
			"!SPDXID": spdxID, "!name": `.`, "versionInfo": `.`, "packageFileName": `^/`, "supplier": none,
			"!downloadLocation": `^NOASSERTION$|^git\+https://\S+@[0-9a-f]{40}$`, "filesAnalyzed": "", "checksums": "",
			"sourceInfo": `^go\.sum h1:`, "licenseConcluded": none, "licenseDeclared": none, "copyrightText": none,
			"comment": `.`, "externalRefs": "", "primaryPackagePurpose": `^(APPLICATION|LIBRARY|CONTAINER)$`,
		}.check(t, "package", p)
		fields := p.(map[string]any)
		id := fields["SPDXID"].(string)
		if ids[id] || fields["filesAnalyzed"] != false {
			t.Errorf("%s: is there twice, or has files", id)
		}
		ids[id] = true
		if fields["checksums"] != nil {
			for _, c := range list(t, p, "checksums") {
				shape{"!algorithm": `^SHA256$`, "!checksumValue": `^[0-9a-f]{64}$`}.check(t, id, c)
			}
		}
		if fields["externalRefs"] != nil {
			for _, e := range list(t, p, "externalRefs") {
				shape{"!referenceCategory": `^PACKAGE-MANAGER$`, "!referenceType": `^purl$`, "!referenceLocator": `^pkg:[a-z]+/\S+$`}.check(t, id, e)
			}
		}
	}
	reached := map[string]bool{"SPDXRef-DOCUMENT": true}
	for _, r := range list(t, doc, "relationships") {
		shape{
			"!spdxElementId": spdxID, "!relatedSpdxElement": spdxID,
			"!relationshipType": `^(DESCRIBES|CONTAINS|DEPENDS_ON|DESCENDANT_OF|GENERATED_FROM)$`,
		}.check(t, "relationship", r)
		fields := r.(map[string]any)
		from, to := fields["spdxElementId"].(string), fields["relatedSpdxElement"].(string)
		if !ids[from] || !ids[to] {
			t.Errorf("relationship between what is not there: %v", r)
		}
		reached[to] = true
	}
	if len(reached) != len(ids) {
		t.Errorf("%d elements, %d are tied to another", len(ids), len(reached))
	}
}

// The rules are those of CycloneDX 1.6 and its JSON schema.
func TestCycloneDXFollowsTheSpecification(t *testing.T) {
	doc := write(t, "cyclonedx", facts())
	shape{
		"$schema": `^http://cyclonedx\.org/schema/bom-1\.6\.schema\.json$`, "!bomFormat": `^CycloneDX$`, "!specVersion": `^1\.6$`,
		"serialNumber": `^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
		"version":      "", "metadata": "", "components": "", "dependencies": "",
	}.check(t, "document", doc)
	if doc["version"] != 1.0 {
		t.Errorf("version %v", doc["version"])
	}
	metadata := doc["metadata"]
	shape{"timestamp": when, "tools": "", "component": ""}.check(t, "metadata", metadata)
	refs := map[string]bool{}
	parts := append(list(t, doc, "components"), metadata.(map[string]any)["component"])
	for _, c := range parts {
		shape{
			"!bom-ref": `^[^\s]+$`, "!type": `^(application|library|container)$`, "!name": `.`, "version": `.`,
			"hashes": "", "purl": `^pkg:[a-z]+/\S+$`, "externalReferences": "", "properties": "",
		}.check(t, "component", c)
		fields := c.(map[string]any)
		ref := fields["bom-ref"].(string)
		if refs[ref] {
			t.Errorf("%s is there twice", ref)
		}
		refs[ref] = true
		for name, form := range map[string]shape{
			"hashes":             {"!alg": `^SHA-256$`, "!content": `^[0-9a-f]{64}$`},
			"externalReferences": {"!type": `^vcs$`, "!url": `^https://\S+$`},
			"properties":         {"!name": `^davit:`, "!value": `.`},
		} {
			if fields[name] != nil {
				for _, value := range list(t, c, name) {
					form.check(t, ref+" "+name, value)
				}
			}
		}
	}
	for _, d := range list(t, doc, "dependencies") {
		shape{"!ref": `.`, "dependsOn": ""}.check(t, "dependency", d)
		if !refs[d.(map[string]any)["ref"].(string)] {
			t.Errorf("%v depends, but is not there", d)
		}
		if d.(map[string]any)["dependsOn"] == nil {
			continue
		}
		seen := map[any]bool{}
		for _, on := range list(t, d, "dependsOn") {
			if !refs[on.(string)] || seen[on] {
				t.Errorf("%v: %v is not there or there twice", d, on)
			}
			seen[on] = true
		}
	}
	if len(list(t, doc, "dependencies")) != len(parts) {
		t.Error("a component without a line of what it depends on")
	}
}

func TestPackageURLs(t *testing.T) {
	text, err := json.Marshal(write(t, "spdx", facts()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"pkg:golang/github.com/burntsushi/toml@v1.4.0", "pkg:golang/example.com/new@v2.0.0%2Bincompatible",
		"pkg:golang/stdlib@1.26.8", "pkg:golang/example.com/shop",
		"pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64\\u0026distro=alpine-3.20.1", "pkg:apk/alpine/libstdc%2B%2B@",
		"pkg:oci/shop@sha256:aaaa", "repository_url=ghcr.io%2Fteam%2Fshop",
		"repository_url=registry.example.com:5000%2Falpine",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s", want)
		}
	}
	for _, unwanted := range []string{"pkg:golang/example.com/old", "pkg:golang/example.com/local", "pkg:golang/example.com/workspace", "/home/me"} {
		if strings.Contains(string(text), unwanted) {
			t.Errorf("there is %s, which was not compiled or is nobody's business", unwanted)
		}
	}
}

func TestChangesThatAreNotCommittedHaveNoPlace(t *testing.T) {
	f := facts()
	f.Source.Dirty = true
	if text, err := sbom.SPDX(f); err != nil || strings.Contains(string(text), "git+https") {
		t.Errorf("%v; the text is said to be where it is not", err)
	}
}

func TestDirHash(t *testing.T) {
	for sum, want := range map[string]string{
		"h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"h1:AAAA": "", "h2:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=": "", "": "", "h1:%": "",
	} {
		if got := sbom.DirHash(sum); got != want {
			t.Errorf("%q: %q", sum, got)
		}
	}
}

// The law: a package URL can be taken apart into what it was made of.
func FuzzGoPURL(f *testing.F) {
	f.Add("github.com/a/b", "v1.0.0+incompatible")
	f.Add("ü ?#@%/x", "v0 @")
	f.Fuzz(func(t *testing.T, path, version string) {
		text := sbom.GoPURL(path, version)
		rest, found := strings.CutPrefix(text, "pkg:golang/")
		if !found || strings.ContainsAny(text, " ?#\n") {
			t.Fatalf("%q is not a package URL", text)
		}
		escaped, escapedVersion, _ := strings.Cut(rest, "@")
		gotPath, err := url.PathUnescape(escaped)
		if err != nil {
			t.Fatal(err)
		}
		gotVersion, err := url.PathUnescape(escapedVersion)
		if err != nil || gotPath != strings.ToLower(path) || gotVersion != version {
			t.Errorf("%q became %q and %q, %v", text, gotPath, gotVersion, err)
		}
	})
}
