package ko_test

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build/ko"
)

// tree writes files into a new folder and returns it.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// module is a module with two main packages.
func module(t *testing.T, more map[string]string) string {
	t.Helper()
	files := map[string]string{
		"go.mod":          "module example.com/orders\n\ngo 1.24\n",
		"main.go":         "package main\n\nfunc main() {}\n",
		"cmd/api/main.go": "package main\n\nfunc main() {}\n",
	}
	maps.Copy(files, more)
	return tree(t, files)
}

func settings(t *testing.T, dir, pkg string, environ ...string) (ko.Settings, error) {
	t.Helper()
	c, err := ko.Load(dir, environ)
	if err != nil {
		return ko.Settings{}, err
	}
	s, err := c.For(t.Context(), "example.com/orders/"+pkg, filepath.Join(dir, pkg))
	s.Dir = strings.TrimPrefix(s.Dir, dir)
	for _, at := range []*string{&s.Origins.Base, &s.Origins.Platforms, &s.Origins.Env, &s.Origins.Flags, &s.Origins.Ldflags, &s.Origins.Capabilities} {
		*at = strings.TrimPrefix(*at, dir+"/")
	}
	return s, err
}

func TestSettings(t *testing.T) {
	const file = `defaultBaseImage: debian:13
baseImageOverrides:
  example.com/Orders/cmd/api: alpine:3.22
defaultPlatforms: linux/amd64 linux/arm/v7
defaultEnv: [GOPRIVATE=example.com, CGO_ENABLED=1]
defaultFlags: -v -tags netgo,osusergo
defaultLdflags:
- -s -w
builds:
- id: api
  dir: cmd
  main: ./api/main.go
  env: ["GOFLAGS=-tags=before -mod=vendor", GOAMD64=v2]
  flags:
  - --gcflags
  - all=-N -l
  - -trimpath
  - -race
  ldflags: -X main.version={{ .Env.VERSION }} -extldflags "-static"
  linux_capabilities: cap_net_bind_service,SYS_NICE=ep sys_nice-p
`
	dir := module(t, map[string]string{".ko.yaml": file})
	for pkg, want := range map[string]ko.Settings{
		"": {
			Base: "debian:13", Platforms: []string{"linux/amd64", "linux/arm/v7"}, Cgo: true, Env: map[string]string{"GOPRIVATE": "example.com"},
			Tags: []string{"netgo", "osusergo"}, Ldflags: []string{"-s -w"},
			Origins: ko.Origins{Base: ".ko.yaml:1:19", Platforms: ".ko.yaml:4:19", Env: ".ko.yaml:5:14", Flags: ".ko.yaml:6:15", Ldflags: ".ko.yaml:8:3"},
		},
		"cmd/api": {
			ID: "api", Dir: "/cmd", Base: "alpine:3.22", Platforms: []string{"linux/amd64", "linux/arm/v7"}, Env: map[string]string{"GOAMD64": "v2"},
			Flags: []string{"-mod=vendor", "-gcflags=all=-N -l", "-race"}, Tags: []string{"before"}, Ldflags: []string{"-X main.version=v1"},
			Capabilities: []string{"net_bind_service"}, Effective: true,
			Origins: ko.Origins{Base: ".ko.yaml:3:31", Platforms: ".ko.yaml:4:19", Env: ".ko.yaml:13:9", Flags: ".ko.yaml:13:9", Ldflags: ".ko.yaml:19:12", Capabilities: ".ko.yaml:20:23"},
		},
	} {
		got, err := settings(t, dir, pkg, "VERSION=v1")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\ngot  %+v, %v\nwant %+v", pkg, got, err, want)
		}
	}
}

func TestTheEnvironmentWins(t *testing.T) {
	dir := module(t, map[string]string{".ko.yaml": "defaultBaseImage: debian:13\ndefaultPlatforms: [all]\ndefaultFlags: [-race]\ndefaultldflags: -s\nDEFAULTENV: A=1\n"})
	got, err := settings(t, dir, "cmd/api", "KO_DEFAULTBASEIMAGE=alpine", "KO_DEFAULTPLATFORMS=linux/arm64,linux/amd64 linux/s390x",
		"KO_DEFAULTFLAGS=-tags a", "KO_DEFAULTLDFLAGS=-w -s", "KO_DEFAULTENV=B=2 C=3", `KO_BASEIMAGEOVERRIDES={"example.com/orders/":"busybox"}`)
	want := ko.Settings{
		Base: "alpine", Platforms: []string{"linux/arm64", "linux/amd64", "linux/s390x"}, Env: map[string]string{"B": "2", "C": "3"},
		Tags: []string{"a"}, Ldflags: []string{"-w", "-s"},
		Origins: ko.Origins{Base: "KO_DEFAULTBASEIMAGE", Platforms: "KO_DEFAULTPLATFORMS", Env: "KO_DEFAULTENV", Flags: "KO_DEFAULTFLAGS", Ldflags: "KO_DEFAULTLDFLAGS"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	if got, err := settings(t, dir, "", `KO_BASEIMAGEOVERRIDES={"example.com/orders/":"busybox"}`); err != nil || got.Base != "busybox" {
		t.Errorf("overrides: %+v, %v", got, err)
	}
	if got, err := settings(t, dir, "", "KO_DEFAULTBASEIMAGE=", "KO_DEFAULTPLATFORMS="); err != nil || got.Base != "debian:13" || got.Platforms[0] != "all" {
		t.Errorf("empty variables: %+v, %v", got, err)
	}
}

func TestPlatformOfTheEnvironment(t *testing.T) {
	dir := module(t, nil)
	for want, environ := range map[string][]string{
		"":             {"GOOS=linux"},
		"linux/arm64":  {"GOOS=linux", "GOARCH=arm64", "GOARM=7"},
		"linux/arm/v6": {"GOOS=linux", "GOARCH=arm", "GOARM=6,softfloat"},
	} {
		got, err := settings(t, dir, "", environ...)
		if err != nil || strings.Join(got.Platforms, " ") != want {
			t.Errorf("%v: %v, %v", environ, got.Platforms, err)
		}
	}
}

func TestFound(t *testing.T) {
	for name, tc := range map[string]struct {
		files   map[string]string
		environ []string
		found   bool
		repo    string
	}{
		"nothing":  {environ: []string{"GOOS=linux", "GOARCH=arm64", "KOALA=1", "odd", "=C:"}},
		"file":     {files: map[string]string{".ko.yaml": ""}, found: true},
		"yml":      {files: map[string]string{".ko.yml": "# nothing\n"}, found: true},
		"json":     {files: map[string]string{".ko.json": `{"defaultBaseImage":"alpine"}`}, found: true},
		"variable": {environ: []string{"KO_DOCKER_REPO=r/x"}, found: true, repo: "r/x"},
		"cache":    {environ: []string{"KOCACHE=/tmp/x"}, found: true},
		"folder":   {files: map[string]string{".ko.yaml/x": ""}},
	} {
		c, err := ko.Load(module(t, tc.files), tc.environ)
		if err != nil || c.Found != tc.found || c.Repo != tc.repo {
			t.Errorf("%s: found %v, repo %q, %v", name, c.Found, c.Repo, err)
		}
	}
}

func TestConfigPath(t *testing.T) {
	dir := module(t, map[string]string{"ci/.ko.yaml": "defaultBaseImage: alpine\nbuilds: [{main: ./cmd/api, ldflags: [-s]}]\n", ".ko.yaml": "defaultBaseImage: debian:13\n"})
	for _, named := range []string{"ci", "ci/.ko.yaml", filepath.Join(dir, "ci")} {
		if got, err := settings(t, dir, "cmd/api", "KO_CONFIG_PATH="+named); err != nil || got.Base != "alpine" || len(got.Ldflags) != 1 {
			t.Errorf("%s: %+v, %v", named, got, err)
		}
	}
	for _, named := range []string{"none", "cmd", "/dev/null", "go.mod"} {
		if _, err := settings(t, dir, "", "KO_CONFIG_PATH="+named); err == nil {
			t.Errorf("%s was read", named)
		}
	}
}

// What YAML can say in several ways, and ko reads.
func TestConfigForms(t *testing.T) {
	dir := module(t, map[string]string{".ko.yaml": `builds:
- &common
  id: x
  main: .
  ldflags: &ld ["-X 'main.name=a b'", ""]
  flags: -tags=a,b
- <<: [*common]
  Main: cmd/api
  ID: y
- {main: cmd/api, env: A=b c, ldflags: *ld, flags: !!seq [-tags, "x y"]}
defaultEnv:
`})
	got, err := settings(t, dir, "cmd/api") // of two about one package, the last
	if err != nil || got.ID != "" || got.Env["A"] != "b c" || strings.Join(got.Tags, "+") != "x+y" || !reflect.DeepEqual(got.Ldflags, []string{"-X 'main.name=a b'"}) {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = settings(t, dir, ".")
	if err != nil || got.ID != "x" || strings.Join(got.Tags, "+") != "a+b" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestBadConfigSaysWhere(t *testing.T) {
	for in, want := range map[string]string{
		"defaultbase: alpine\n":                             `:1:1: unknown key "defaultbase" (allowed: baseImageOverrides, builds, defaultBaseImage, defaultEnv, defaultFlags, defaultLdflags, defaultPlatforms)`,
		"builds:\n- main: .\n  goos: [linux]\n":             `:3:3: unknown key "builds.goos" (allowed: dir, env, flags, id, ldflags, linux_capabilities, main)`,
		"defaultBaseImage: [a]\n":                           ":1:19: defaultBaseImage must be text, not a list",
		"defaultBaseImage: 'A B'\n":                         `:1:19: defaultBaseImage: "A B" is not the reference of an image`,
		"defaultBaseImage: ko.local/base\n":                 `:1:19: defaultBaseImage: "ko.local/base" is an image of this machine's Docker`,
		"baseImageOverrides: {a: ''}\n":                     `:1:25: baseImageOverrides.a: "" is not the reference`,
		"baseImageOverrides: [a]\n":                         ":1:21: baseImageOverrides must be keys with values, not a list",
		"defaultPlatforms: [linux/amd64, all]\n":            ":1:19: defaultPlatforms: all or specific platforms",
		"defaultPlatforms: windows/amd64\n":                 `:1:19: defaultPlatforms: "windows/amd64": davit builds images for linux only`,
		"defaultPlatforms: linux//v7\n":                     `:1:19: defaultPlatforms: "linux//v7" is not a platform`,
		"builds: {main: .}\n":                               ":1:9: builds must be a list, not keys with values",
		"builds: [x]\n":                                     ":1:10: builds must be keys with values, not text",
		"builds:\n- id: a\n  main: nowhere\n":               ":3:9: builds: stat ",
		"defaultFlags: [[a]]\n":                             ":1:16: defaultFlags must be text, not a list",
		"defaultFlags: [~]\n":                               ":1:16: defaultFlags must be text, not nothing",
		"defaultLdflags: !!binary aGk=\n":                   ":1:17: defaultLdflags must be text, not base64",
		"defaultEnv: A=1\nDefaultEnv: B=1\n":                `:2:1: "DefaultEnv" is there twice`,
		"defaultEnv: A=1\ndefaultEnv: B=1\n":                ":2:1: not YAML: mapping key",
		"a: [\n":                                            ":1:1: not YAML: ",
		"- a\n":                                             ":1:1: the file must be keys with values, not a list",
		"{}\n---\n{}\n":                                     ":2:1: a second document begins here",
		"a: \"\xff\"\n":                                     ":1:1: the file is not UTF-8",
		"a: &a [*a]\n":                                      "not YAML: anchor 'a' value contains itself",
		"defaultEnv: [NOVALUE]\n":                           `:1:14: "NOVALUE" is not a variable`,
		"defaultEnv: [CGO_ENABLED=yes]\n":                   `:1:14: "yes" is not a value of CGO_ENABLED`,
		"defaultEnv: [A=1, GOARCH=arm64]\n":                 ":1:19: GOARCH would build the program for another platform",
		"defaultFlags: [netgo]\n":                           `:1:16: "netgo" is not a flag of go build`,
		"defaultFlags: [-race, -tags]\n":                    `:1:23: "-tags" has no value`,
		"defaultFlags: [-tags netgo]\n":                     `:1:16: "-tags netgo" is one item of a list`,
		"defaultFlags: [-ldflags=-s]\ndefaultLdflags: -w":   ":1:16: -ldflags is there twice; ldflags at ",
		"defaultLdflags: ['{{.Env.NONE}}']\n":               `:1:18: "{{.Env.NONE}}": `,
		"defaultLdflags: ['{{.Nothing}}']\n":                `:1:18: "{{.Nothing}}": `,
		"defaultLdflags: ['{{']\n":                          `:1:18: "{{": `,
		"builds: [{linux_capabilities: =ep}]\n":             `:1:31: "=ep" is about all capabilities`,
		"builds: [{linux_capabilities: chown=x}]\n":         `:1:31: "chown=x": "x" is not a flag of a capability`,
		"builds: [{linux_capabilities: chown=ie}]\n":        ":1:31: inheritable capabilities have no effect",
		"defaultLdflags: ['{{.Date}}']\n":                   `:1:18: "{{.Date}}": `,
		strings.Repeat("# much too large a file\n", 50_000): ":1:1: the file is larger than",
	} {
		dir := module(t, map[string]string{".ko.yaml": in})
		_, err := settings(t, dir, "")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), filepath.Join(dir, ".ko.yaml")) {
			t.Errorf("%.60q:\ngot  %v\nwant %s", in, err, want)
		}
		if positioned := (*ko.Error)(nil); err != nil && !errors.As(err, &positioned) {
			t.Errorf("%.60q: %T is not an *Error", in, err)
		}
	}
}

func TestBadEnvironment(t *testing.T) {
	dir := module(t, map[string]string{"go": "#!/bin/sh\n"})
	if err := os.Chmod(filepath.Join(dir, "go"), 0o700); err != nil {
		t.Fatal(err)
	}
	for variable, want := range map[string]string{
		"KO_DEFAULTBASEIMAGE=A B":                "KO_DEFAULTBASEIMAGE: ",
		"KO_BASEIMAGEOVERRIDES=a":                "KO_BASEIMAGEOVERRIDES: not a JSON object",
		`KO_BASEIMAGEOVERRIDES={"a":"A B"}`:      "KO_BASEIMAGEOVERRIDES: ",
		"KO_DEFAULTPLATFORMS=all,linux":          "KO_DEFAULTPLATFORMS: all or specific",
		"KO_BUILDS=[]":                           "KO_BUILDS: ",
		"KO_GO_PATH=" + filepath.Join(dir, "go"): "KO_GO_PATH: ",
	} {
		if _, err := ko.Load(dir, []string{variable}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", variable, err, want)
		}
	}
	for _, name := range []string{"GOOS=linux", "GOARCH=arm64", "GOARM=7"} {
		if _, err := ko.Load(dir, []string{"KO_DEFAULTPLATFORMS=linux", name}); err == nil {
			t.Errorf("%s beside platforms was accepted", name)
		}
	}
	if _, err := ko.Load(dir, []string{"GOOS=windows", "GOARCH=amd64"}); err == nil {
		t.Error("windows was accepted")
	}
	same, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	for _, goPath := range []string{"go", same} {
		if _, err := ko.Load(dir, []string{"KO_GO_PATH=" + goPath}); err != nil {
			t.Error(err)
		}
	}
	if _, err := ko.Load(module(t, map[string]string{".ko.toml": ""}), nil); err == nil {
		t.Error(".ko.toml was passed over")
	}
}

// The law: whatever the file holds, there are settings or an error with a place
// in the file, and they are the same the second time.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		"defaultBaseImage: a\n", "builds: [{main: ., flags: -v -tags x, ldflags: '{{.Env.A}}'}]\n", "defaultPlatforms: all\n",
		"x: &a {<<: *a}\n", "builds:\n- &b {main: .}\n- <<: *b\n", "builds: [{linux_capabilities: a=ep}]", "defaultLdflags: -extldflags '-static\n",
		"defaultFlags: [-ldflags, -s, --gcflags=all=-l]", "baseImageOverrides: {github.com/A/b: c}",
	} {
		f.Add(seed)
	}
	dir := f.TempDir()
	file := filepath.Join(dir, ".ko.yaml")
	f.Fuzz(func(t *testing.T, in string) {
		if strings.Contains(in, "Git") || strings.Contains(in, "GoEnv") {
			return // starts processes
		}
		if err := os.WriteFile(file, []byte(in), 0o600); err != nil {
			t.Fatal(err)
		}
		first, firstErr := settings(t, dir, "", "A=b")
		second, secondErr := settings(t, dir, "", "A=b")
		if (firstErr == nil) != (secondErr == nil) || firstErr == nil && !reflect.DeepEqual(first, second) {
			t.Fatalf("%q: %+v, %v and then %+v, %v", in, first, firstErr, second, secondErr)
		}
		if positioned := (*ko.Error)(nil); firstErr != nil && (!errors.As(firstErr, &positioned) || positioned.File != file || positioned.Line < 1) {
			t.Fatalf("%q: %v has no place", in, firstErr)
		}
	})
}
