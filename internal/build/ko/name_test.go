package ko_test

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/davit-dev/davit/internal/build/ko"
)

func TestName(t *testing.T) {
	const path = "ko://github.com/Team/orders/cmd/API"
	for form, want := range map[ko.Form]string{
		ko.FormOf(false, false, false): "r.example.com/x/api-ed45e00a7dad99bfb966d71157f26621",
		ko.FormOf(true, true, true):    "r.example.com/x/github.com/team/orders/cmd/api",
		ko.FormOf(false, true, true):   "r.example.com/x/api",
		ko.FormOf(false, false, true):  "r.example.com/x",
	} {
		if got := ko.Name("r.example.com/x", path, form); got != want {
			t.Errorf("%d: got %s, want %s", form, got, want)
		}
	}
}

func TestDestination(t *testing.T) {
	for repo, want := range map[string]ko.Destination{
		"":                     {},
		"r.example.com/x":      {Repo: "r.example.com/x", Place: ko.Registry},
		"ko.local":             {Repo: "ko.local", Place: ko.Docker},
		"ko.local/team":        {Repo: "ko.local/team", Place: ko.Docker},
		"kind.local":           {Repo: "kind.local", Place: ko.Kind},
		"localhost:5000":       {Repo: "localhost:5000", Place: ko.Registry},
		"example.com/ko.local": {Repo: "example.com/ko.local", Place: ko.Registry},
	} {
		if got := ko.ParseDestination(repo, false); got != want {
			t.Errorf("%q: %+v", repo, got)
		}
	}
	if got := ko.ParseDestination("", true); got != (ko.Destination{Repo: "ko.local", Place: ko.Docker}) {
		t.Errorf("--local: %+v", got)
	}
	if got := ko.ParseDestination("mine", true); got != (ko.Destination{Repo: "mine", Place: ko.Docker}) {
		t.Errorf("--local with a repository: %+v", got)
	}
}

func TestPlatforms(t *testing.T) {
	available := []string{"linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64/v8"}
	for list, want := range map[string]string{
		"all":                     "linux/amd64 linux/arm/v6 linux/arm/v7 linux/arm64/v8",
		"linux":                   "linux/amd64 linux/arm/v6 linux/arm/v7 linux/arm64/v8",
		"linux/arm":               "linux/arm/v6 linux/arm/v7",
		"linux/arm64,linux/amd64": "linux/amd64 linux/arm64/v8",
		"linux/arm/v7":            "linux/arm/v7",
		"":                        "",
	} {
		wanted, err := ko.ParsePlatforms(list)
		if err != nil {
			t.Errorf("%s: %v", list, err)
			continue
		}
		got, err := ko.SelectPlatforms(wanted, available)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v", list, got, err)
		}
	}
	if got, err := ko.SelectPlatforms([]string{"linux/amd64", "linux/s390x"}, available); err == nil {
		t.Errorf("a platform that there is not was passed over: %v", got)
	}
	for _, bad := range []string{"all,linux/arm", "windows", "linux/a/b/c", "linux/", "/"} {
		if got, err := ko.ParsePlatforms(bad); err == nil {
			t.Errorf("%s: %v", bad, got)
		}
	}
}

// The law: below a repository that is one, every import path has a name that is
// one, or at least none that leads out of the repository.
func FuzzName(f *testing.F) {
	for _, seed := range []string{"example.com/a", "github.com/A/b/v2", "./cmd/x", "..", "a/../../..", "/", "", "ko://x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, importPath string) {
		const repo = "registry.example.com/team"
		for _, form := range []ko.Form{ko.Hashed, ko.Base, ko.Preserved, ko.Bare} {
			got := ko.Name(repo, importPath, form)
			if got != strings.ToLower(got) {
				t.Errorf("%q: %q has capitals", importPath, got)
			}
			if form == ko.Bare && got != repo {
				t.Errorf("%q: %q", importPath, got)
			}
			if _, err := name.NewRepository(got); err == nil && !strings.HasPrefix(got, repo) {
				t.Errorf("%q: %q is not below the repository", importPath, got)
			}
		}
	})
}
