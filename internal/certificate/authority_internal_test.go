package certificate

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestNamesOfACME(t *testing.T) {
	world, private := ACME{Email: "a@b.org"}, ACME{Email: "a@b.org", RootFile: "x"}
	for host, want := range map[string][2]bool{
		"orders.example.com": {true, true}, "orders.localhost": {false, false}, "localhost": {false, false},
		"orders.internal": {false, true}, "orders.test": {false, true}, "orders.home.arpa": {false, true}, "orders": {false, true},
		"10.0.0.1": {false, true},
	} {
		if got := [2]bool{world.signs(host), private.signs(host)}; got != want || (ACME{}).signs(host) {
			t.Errorf("%s: %v, want %v", host, got, want)
		}
	}
}

func TestACMEFlagsThatDoNotGoTogether(t *testing.T) {
	for want, a := range map[string]ACME{
		"need --acme-email": {Directory: "https://ca"}, "and --acme-root need": {RootFile: "x"},
		"is not an address": {Email: "ops"}, "is not a URL": {Email: "a@b.org", Directory: "http://ca/dir"},
	} {
		if err := a.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", a, err, want)
		}
	}
	if err := (ACME{Email: "a@b.org", Directory: "https://ca/dir"}).Validate(); err != nil {
		t.Error(err)
	}
}

// FuzzAuthority: a CA that can be read has a key that signs what is verified with it.
func FuzzAuthority(f *testing.F) {
	dir := f.TempDir()
	if err := makeAuthority(dir); err != nil {
		f.Fatal(err)
	}
	text, _ := os.ReadFile(RootFile(dir))
	key, _ := os.ReadFile(KeyFile(dir))
	f.Add(text, key)
	f.Add(key, text)
	f.Add(bytes.Repeat([]byte("-"), 100), key)
	f.Fuzz(func(t *testing.T, text, key []byte) {
		a, err := parseAuthority(text, key)
		if err != nil {
			return
		}
		if !a.root.IsCA || !a.key.PublicKey.Equal(a.root.PublicKey) {
			t.Fatal("it is no CA, or not its key")
		}
	})
}
