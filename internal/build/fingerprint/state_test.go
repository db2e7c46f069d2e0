package fingerprint

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestRacy: where the clock of the file system may be too coarse the stamp is not
// trusted, and nothing but the content is.
func TestRacy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.go")
	if err := os.WriteFile(path, []byte("package x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []kind{content, header, regular, exact} {
		s := state{kind: kind, path: path}
		if err := s.look(); err != nil {
			t.Fatal(err)
		}
		changed := time.Unix(0, s.stamp.changed)
		if s.settle(changed.Add(3 * time.Second)); s.racy {
			t.Errorf("%c: racy three seconds before a build", kind)
		}
		other := s
		if other.sum = "other"; !other.same() {
			t.Errorf("%c: looked into, although the stamp is enough", kind)
		}
		if other.settle(changed.Add(time.Second)); !other.racy || other.same() {
			t.Errorf("%c: not looked into, a second before a build", kind)
		}
	}
}
