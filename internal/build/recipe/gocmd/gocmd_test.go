package gocmd_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build/recipe/gocmd"
)

func TestParse(t *testing.T) {
	for line, want := range map[string]gocmd.Command{
		"build":                               {Kind: gocmd.Build},
		"build -o /x -v -a -tags=a,b ./...":   {Kind: gocmd.Build, Output: "/x", Flags: []string{"-tags=a,b"}, Packages: []string{"./..."}},
		"build -C sub -o x main.go b.go":      {Kind: gocmd.Build, Dir: "sub", Output: "x", Packages: []string{"main.go", "b.go"}},
		"build --ldflags=-s -mod mod -p 4 .":  {Kind: gocmd.Build, Flags: []string{"-ldflags=-s", "-mod=mod", "-p=4"}, Packages: []string{"."}},
		"install -trimpath a.b/c@v1.0.0-rc.1": {Kind: gocmd.Install, Packages: []string{"a.b/c@v1.0.0-rc.1"}},
		"vet ./...":                           {Kind: gocmd.Check, Packages: []string{"./..."}},
		"mod download -x":                     {Kind: gocmd.Download, Args: []string{"mod", "download"}},
		"mod download a.b/c@v1.0.0":           {Kind: gocmd.Download, Args: []string{"mod", "download", "a.b/c@v1.0.0"}},
		"mod tidy -compat=1.17":               {Kind: gocmd.Modify, Args: []string{"mod", "tidy", "-compat=1.17"}},
		"mod init example.com/x":              {Kind: gocmd.Modify, Args: []string{"mod", "init", "example.com/x"}},
		"get -d -v ./...":                     {Kind: gocmd.Modify, Args: []string{"get", "./..."}},
		"env GOPATH":                          {Kind: gocmd.Text, Args: []string{"env", "GOPATH"}},
		"env -w GOPROXY=x GOFLAGS=-mod=mod":   {Kind: gocmd.Set, Settings: map[string]string{"GOPROXY": "x", "GOFLAGS": "-mod=mod"}},
		"env -u GOPROXY":                      {Kind: gocmd.Set, Settings: map[string]string{"GOPROXY": ""}},
		"clean -modcache":                     {Kind: gocmd.Nothing},
	} {
		got, err := gocmd.Parse(strings.Fields(line))
		if err != nil || !equal(got, want) {
			t.Errorf("go %s: %+v, %v; want %+v", line, got, err, want)
		}
	}
}

func equal(a, b gocmd.Command) bool {
	same := a.Kind == b.Kind && a.Dir == b.Dir && a.Output == b.Output && len(a.Settings) == len(b.Settings)
	for name, value := range b.Settings {
		same = same && a.Settings[name] == value
	}
	return same && slices.Equal(a.Flags, b.Flags) && slices.Equal(a.Packages, b.Packages) && slices.Equal(a.Args, b.Args)
}

func TestParseRefuses(t *testing.T) {
	for _, line := range []string{
		"", "test", "run .", "generate", "tool x", "work sync", "bug", "mod", "mod edit -replace=a=b", "mod tidy x", "mod download -modfile=x",
		"get", "get -u", "get x.y/z", "get -insecure ./...", "get -tool x",
		"build -toolexec x", "build -toolexec=x", "build -exec=x .", "build -overlay=x", "build -modfile=x", "build -o", "build -o= .", "build -n", "build -work",
		"build -pkgdir=x", "build -gccgoflags=x", "build -compiler=gccgo", "build -mod=x", "build -tags=a;b", "build -pgo=../x", "build -pgo=/x", "build -cover",
		"build -ldflags=-extld=x", "build -ldflags=-linkmode=external", "build -ldflags=-extldflags=-Bx", "build -ldflags=-X", "build -ldflags=-X=a", "build -ldflags='-s",
		"build -ldflags=all=-I=x", "build -ldflags=s", "build -ldflags=-r=x", "build -gcflags=-importcfg=x", "build -gcflags=all=-embedcfg=x", "build -asmflags=-I=x",
		"build -- -x", "build a.b/c@v1.0.0", "install a.b/c@latest", "install a.b/c@v1", "install -o x", "env -x", "env -w GOPROXY", "env -w a=b",
	} {
		if got, err := gocmd.Parse(strings.Fields(line)); err == nil && line != "get" {
			t.Errorf("go %s: %+v", line, got)
		}
	}
}

func TestSettings(t *testing.T) {
	set := map[string]string{
		"GOOS": "linux", "GOARM": "7", "GOFLAGS": `-mod=vendor "-ldflags=-s -w" -v`, "GOPROXY": "https://evil.example", "GONOSUMDB": "*", "GOTOOLCHAIN": "local",
		"CC": "./evil", "GOROOT": "/x", "GOEXPERIMENT": "jsonv2",
	}
	got, err := gocmd.Settings(func(name string) string { return set[name] })
	want := []string{"GOARM=7", "GOEXPERIMENT=jsonv2", "GOFLAGS=-mod=vendor '-ldflags=-s -w'", "GOOS=linux"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for name, value := range map[string]string{
		"GOFLAGS": "-toolexec=x", "GOTOOLCHAIN": "go1.22+path", "GO111MODULE": "off", "GOARCH": "../x", "GOFIPS140": "x/y",
	} {
		if got, err := gocmd.Settings(func(n string) string { return map[string]string{name: value}[n] }); err == nil {
			t.Errorf("%s=%s: %q", name, value, got)
		}
	}
}

func TestRelease(t *testing.T) {
	for tag, want := range map[string]string{
		"": "", "latest": "", "alpine": "", "bookworm": "", "alpine3.20": "", "1": "1", "1-alpine": "1", "1.22": "1.22", "1.22-alpine3.19": "1.22", "1.22.3": "1.22.3!",
		"1.22.3-bookworm": "1.22.3!", "1.23rc1": "1.23rc1!", "1.11-stretch": "1.11", "1.10": "-", "1.9.2-alpine": "-", "2": "-", "1.22-windowsservercore": "-",
		"1.22-onbuild": "-", "nanoserver": "-", "x": "-", "1.22.x": "-", "tip": "-",
	} {
		version, exact, ok := gocmd.Release(tag)
		got := version
		if exact {
			got += "!"
		}
		if !ok {
			got = "-"
		}
		if got != want {
			t.Errorf("golang:%s: got %s, want %s", tag, got, want)
		}
	}
}

// FuzzParse: whatever is asked for, no flag comes through that is not known, and
// none that starts a program or names another C compiler.
func FuzzParse(f *testing.F) {
	f.Add("build -ldflags=-X\x00a=b\x00-tags\x00x\x00./...")
	f.Add("build\x00-ldflags\x00-extldflags '-static' -X \"a=b c\"\x00-gcflags=all=-N -l\x00-C\x00x\x00-toolexec\x00y")
	f.Add("install\x00--mod=mod\x00a@v1.2.3")
	f.Add("mod\x00download\x00-json\x00-modfile=x")
	known := regexp.MustCompile(`^-(tags|installsuffix|p|mod|compiler|pgo|ldflags|gcflags|asmflags)=`)
	harmful := regexp.MustCompile(`(?i)(toolexec|overlay|modfile|extld[= ]|extld$|linkmode[= ]*external|importcfg|embedcfg)`)
	f.Fuzz(func(t *testing.T, line string) {
		c, err := gocmd.Parse(strings.Split(line, "\x00"))
		if err != nil {
			return
		}
		for _, flag := range c.Flags {
			value := flag[strings.Index(flag, "=")+1:]
			if !known.MatchString(flag) || harmful.MatchString(flag) && !strings.Contains(flag, "-X") && !strings.HasPrefix(flag, "-tags") && !strings.HasPrefix(flag, "-pgo") && !strings.Contains(value, "=-") {
				t.Errorf("%q: %q", line, flag)
			}
		}
		for _, p := range c.Packages {
			if strings.HasPrefix(p, "-") {
				t.Errorf("%q: package %q", line, p)
			}
		}
		for _, a := range c.Args {
			if strings.Contains(a, "modfile") && strings.HasPrefix(a, "-") {
				t.Errorf("%q: argument %q", line, a)
			}
		}
	})
}
