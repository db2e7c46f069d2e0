package blob

import "testing"

func FuzzDigest(f *testing.F) {
	f.Add(SHA256(nil).String())
	f.Add(Digest{algorithm: sha512Name}.Of([]byte("x")).String())
	f.Add("sha256:ABC")
	f.Add("sha256:../../../../etc/passwd")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDigest(text)
		if err != nil {
			return
		}
		if d.String() != text {
			t.Errorf("%q came back as %q", text, d)
		}
		again := d.Of([]byte(text))
		if parsed, err := ParseDigest(again.String()); err != nil || parsed != again {
			t.Errorf("%s came back as %s, %v", again, parsed, err)
		}
	})
}
