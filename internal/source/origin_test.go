package source

import (
	"strings"
	"testing"
)

func TestPublicURL(t *testing.T) {
	for address, want := range map[string]string{
		"https://example.com/team/shop.git":                  "https://example.com/team/shop.git",
		"https://alice:secret@example.com:8443/team/shop/":   "https://example.com:8443/team/shop",
		"https://ghp_token@example.com/team/shop":            "https://example.com/team/shop",
		"https://example.com/team/shop?private_token=x#frag": "https://example.com/team/shop",
		"git@example.com:team/shop.git":                      "ssh://git@example.com/team/shop.git",
		"alice@example.com:/srv/shop":                        "ssh://example.com/srv/shop",
		"example.com:team/shop":                              "ssh://example.com/team/shop",
		"ssh://git:secret@example.com:2222/team/shop":        "ssh://git@example.com:2222/team/shop",
		"ssh://alice@example.com/~alice/shop":                "ssh://example.com/~alice/shop",
		"git+ssh://git@example.com/shop":                     "ssh://git@example.com/shop",
		"git://example.com/shop":                             "git://example.com/shop",
		"/srv/git/shop.git":                                  "",
		"../shop":                                            "",
		"./a:b":                                              "",
		"file:///home/alice/shop":                            "",
		"ext::sh -c touch% /tmp/x":                           "",
		"https://[broken":                                    "",
		"https:///nobody":                                    "",
		"":                                                   "",
	} {
		if got := publicURL(address); got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
}

// The laws: what was made public stays as it is, and has no password.
func FuzzPublicURL(f *testing.F) {
	for _, seed := range []string{"git@example.com:team/shop.git", "https://a:b@example.com/x%2fy?t=1", "ssh://a@[::1]:22/~/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		public := publicURL(address)
		if again := publicURL(public); again != public {
			t.Errorf("%q, and then %q", public, again)
		}
		authority, _, _ := strings.Cut(strings.TrimPrefix(public, "ssh://git@"), "/")
		if strings.Contains(authority, "@") {
			t.Errorf("%q has a user", public)
		}
	})
}
