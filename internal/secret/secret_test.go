package secret_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/davit-dev/davit/internal/secret"
)

func open(t *testing.T, dir string) *secret.Store {
	t.Helper()
	s, err := secret.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func database(stage secret.Stage) secret.Info {
	return secret.Info{App: "orders", Stage: stage, Name: "DB_URL", By: "anna"}
}

func set(t *testing.T, s *secret.Store, at secret.Info, value string) secret.Info {
	t.Helper()
	info, err := s.Set(at, value)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestValuesOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	first := set(t, open(t, dir), database(secret.Production), "postgres://one")
	s := open(t, dir)
	second := set(t, s, database(secret.Production), "postgres://two")
	if first.Fingerprint == second.Fingerprint {
		t.Error("two values have one fingerprint")
	}
	for info, want := range map[secret.Info]string{first: "postgres://one", second: "postgres://two"} {
		values, err := open(t, dir).Values("orders", secret.Production, []secret.Reference{{Name: "DB_URL", Fingerprint: info.Fingerprint}})
		if err != nil || values["DB_URL"] != want {
			t.Errorf("version %s is %q, %v", info.Fingerprint, values, err)
		}
	}
	list := s.List("orders")
	if len(list) != 1 || list[0].Fingerprint != second.Fingerprint || list[0].By != "anna" || list[0].Set.IsZero() {
		t.Errorf("listed as %+v", list)
	}
	if again := set(t, s, database(secret.Production), "postgres://one"); again.Fingerprint != first.Fingerprint {
		t.Errorf("the same value has fingerprint %s, and then %s", first.Fingerprint, again.Fingerprint)
	}
	if got := s.Of("orders"); len(got) != 2 {
		t.Errorf("%d versions are kept, want 2", len(got))
	}
}

// TestReliability31StagesAndAppsAreApart asks for a value in all the wrong places.
func TestReliability31StagesAndAppsAreApart(t *testing.T) {
	s := open(t, t.TempDir())
	production := set(t, s, database(secret.Production), "the same value")
	staging := set(t, s, database(secret.Staging), "the same value")
	if production.Fingerprint == staging.Fingerprint {
		t.Error("one can see that staging and production have the same value")
	}
	for _, wrong := range []struct {
		app         string
		stage       secret.Stage
		fingerprint string
	}{
		{"orders", secret.Staging, production.Fingerprint},
		{"orders", secret.Production, staging.Fingerprint},
		{"billing", secret.Production, production.Fingerprint},
		{"orders", secret.Production, ""},
	} {
		_, err := s.Values(wrong.app, wrong.stage, []secret.Reference{{Name: "DB_URL", Fingerprint: wrong.fingerprint}})
		if !errors.Is(err, secret.ErrMissing) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}

// TestReliability28NothingIsReadableAtRest reads the files as somebody would who
// got hold of one of them.
func TestReliability28NothingIsReadableAtRest(t *testing.T) {
	dir := t.TempDir()
	set(t, open(t, dir), database(secret.Production), "hunter22")
	for _, name := range []string{secret.FileName, secret.KeyName} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || bytes.Contains(data, []byte("hunter22")) || bytes.Contains(data, []byte("DB_URL")) {
			t.Errorf("%s shows what is in it: %v", name, err)
		}
	}
	// What age itself can open is age's format.
	text, err := os.ReadFile(filepath.Join(dir, secret.KeyName))
	if err != nil {
		t.Fatal(err)
	}
	identities, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(filepath.Join(dir, secret.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := age.Decrypt(file, identities...)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(plain); err != nil || !bytes.Contains(data, []byte("hunter22")) {
		t.Errorf("it holds %d bytes, %v", len(data), err)
	}
}

func TestWhatCannotBeKept(t *testing.T) {
	s := open(t, t.TempDir())
	for _, wrong := range []struct {
		name  string
		stage secret.Stage
		value string
	}{
		{"", secret.Production, "value"},
		{"DB-URL", secret.Production, "value"},
		{"1X", secret.Production, "value"},
		{"PORT", secret.Production, "value"},
		{"DB_URL", "test", "value"},
		{"DB_URL", secret.Production, ""},
		{"DB_URL", secret.Production, "a\x00b-hunter22"},
		{"DB_URL", secret.Production, "\xff-hunter22"},
		{"DB_URL", secret.Production, strings.Repeat("hunter22", 8193)},
	} {
		_, err := s.Set(secret.Info{App: "orders", Stage: wrong.stage, Name: wrong.name}, wrong.value)
		if _, ok := errors.AsType[*secret.InvalidError](err); !ok || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s %q: %v", wrong.stage, wrong.name, err)
		}
	}
	if list := s.List("orders"); len(list) != 0 {
		t.Errorf("kept %+v", list)
	}
}

func TestRemoveForgetsAllVersions(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	set(t, s, database(secret.Production), "one")
	set(t, s, database(secret.Production), "two")
	set(t, s, database(secret.Staging), "three")
	if err := s.Remove(database(secret.Production)); err != nil {
		t.Fatal(err)
	}
	if got := open(t, dir).Of("orders"); !slices.Equal(got, []string{"three"}) {
		t.Errorf("left is %q", got)
	}
	if err := s.Remove(database(secret.Production)); !errors.Is(err, secret.ErrMissing) {
		t.Errorf("removed twice: %v", err)
	}
}

func TestOldVersionsAreForgotten(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range 25 {
		set(t, s, database(secret.Production), fmt.Sprintf("value %d", i))
	}
	if got := s.Of("orders"); len(got) != 10 || got[9] != "value 24" {
		t.Errorf("kept are %q", got)
	}
}

func TestAKeyThatIsGoneOrOpenIsRefused(t *testing.T) {
	dir := t.TempDir()
	set(t, open(t, dir), database(secret.Production), "hunter22")
	key := filepath.Join(dir, secret.KeyName)
	if err := os.Chmod(key, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.Open(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key for others: %v", err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.Open(dir); err == nil || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("no key: %v", err)
	}
	other := t.TempDir()
	set(t, open(t, other), database(secret.Production), "another")
	if err := os.Rename(filepath.Join(other, secret.KeyName), key); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.Open(dir); err == nil || strings.Contains(err.Error(), "AGE-SECRET") {
		t.Errorf("another's key: %v", err)
	}
}
