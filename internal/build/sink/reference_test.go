package sink_test

import (
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build/sink"
)

const someDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestParseReference(t *testing.T) {
	for text, want := range map[string][3]string{ // registry, repository, tag
		"ghcr.io/team/orders":                       {"ghcr.io", "ghcr.io/team/orders", ""},
		"ghcr.io/team/orders:v1.2.3_meta":           {"ghcr.io", "ghcr.io/team/orders", "v1.2.3_meta"},
		"localhost/orders:V1":                       {"localhost", "localhost/orders", "V1"},
		"localhost:5000/a/b__c/d--e:latest":         {"localhost:5000", "localhost:5000/a/b__c/d--e", "latest"},
		"[::1]:5000/orders":                         {"[::1]:5000", "[::1]:5000/orders", ""},
		"docker.io/team/orders":                     {"docker.io", "docker.io/team/orders", ""},
		"127.0.0.1:5000/orders@" + someDigest:       {"127.0.0.1:5000", "127.0.0.1:5000/orders", ""},
		"registry.example/orders:v1@" + someDigest:  {"registry.example", "registry.example/orders", "v1"},
		"registry.example:443/team.a/orders_b/c-d1": {"registry.example:443", "registry.example:443/team.a/orders_b/c-d1", ""},
	} {
		ref, err := sink.ParseReference(text)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := [3]string{ref.Registry(), ref.Repository(), ref.Tag()}; got != want || ref.String() != text {
			t.Errorf("%q: %q and %q, want %q", text, got, ref, want)
		}
		if at := ref.At(someDigest); at != want[1]+"@"+someDigest {
			t.Errorf("%q at its digest: %q", text, at)
		}
	}
}

func TestParseReferenceRefuses(t *testing.T) {
	for text, why := range map[string]string{
		"":                                    "the repository is missing",
		"orders":                              "the registry is missing",
		"orders:v1":                           "the registry is missing",
		"team/orders:v1":                      "the registry is missing",
		"docker.io/orders":                    "the user or organization is missing",
		"ghcr.io/":                            "the repository is missing",
		"ghcr.io/Team/orders":                 `"Team/orders" is not a repository`,
		"ghcr.io/team//orders":                "is not a repository",
		"ghcr.io/team/orders/":                "is not a repository",
		"ghcr.io/-team/orders":                "is not a repository",
		"ghcr.io/team/orders:":                `"" is not a tag`,
		"ghcr.io/team/orders:-v1":             `"-v1" is not a tag`,
		"ghcr.io/team/orders:v1+meta":         `"v1+meta" is not a tag`,
		"ghcr.io/team/orders@sha256:00":       `"sha256:00" is not a digest`,
		"ghcr.io/team/orders@v1":              `"v1" is not a digest`,
		"https://ghcr.io/team/orders":         "no scheme",
		"ghcr..io/team/orders":                "not the address of a registry",
		"user:password@ghcr.io/x/y":           "is not a digest",
		"localhost:99999999/orders":           "not the address of a registry",
		"ghcr.io/" + strings.Repeat("a", 255): "longer than 255",
	} {
		_, err := sink.ParseReference(text)
		if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "REGISTRY/REPOSITORY") {
			t.Errorf("%q: %v, want %q", text, err, why)
		}
	}
}

func TestParseName(t *testing.T) {
	for _, text := range []string{"orders", "orders:v1", "team/orders:v1", "ghcr.io/team/orders", "docker.io/orders"} {
		if ref, err := sink.ParseName(text); err != nil || ref.String() != text {
			t.Errorf("%q: %q, %v", text, ref, err)
		}
	}
	for _, text := range []string{"", "Orders", "orders:", "orders:a/b c", "a:b:c"} {
		if ref, err := sink.ParseName(text); err == nil {
			t.Errorf("%q: %q", text, ref)
		}
	}
}

func TestWithTag(t *testing.T) {
	ref := names(t, "ghcr.io/team/orders:v1")[0]
	other, err := ref.WithTag("v2")
	if err != nil || other.String() != "ghcr.io/team/orders:v2" || ref.Tag() != "v1" {
		t.Errorf("%q from %q: %v", other, ref, err)
	}
	if _, err := ref.WithTag(strings.Repeat("v", 129)); err == nil {
		t.Error("a tag of 129 characters was taken")
	}
}

// What is read is written the same way, and what a place can be a name can be.
func FuzzParseReference(f *testing.F) {
	for _, seed := range []string{
		"ghcr.io/team/orders:v1@" + someDigest, "localhost:5000/x", "[::1]:5000/x:y", "orders", "a/b", "a:b:c/d",
		"docker.io/library/orders:v1", "@", ":", "/", "a.b/c/d:e@f", "x.y/../z", "http://a.b/c",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := sink.ParseReference(text)
		if err != nil {
			return
		}
		if ref.String() != text {
			t.Errorf("%q was read as %q", text, ref)
		}
		name, err := sink.ParseName(text)
		if err != nil || name != ref {
			t.Errorf("%q as a name: %q, %v", text, name, err)
		}
		if ref.Registry() == "" || strings.Contains(text, "..") {
			t.Errorf("%q is no place", text)
		}
	})
}
