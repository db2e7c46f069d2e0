package index_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/registry/index"
)

// version1 is the form of the first version, with a blob and an image.
const version1 = `
CREATE TABLE link (repo TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repo, digest)) STRICT, WITHOUT ROWID;
CREATE TABLE manifest (
	repo TEXT NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL,
	artifact_type TEXT NOT NULL, subject TEXT NOT NULL, annotations TEXT NOT NULL,
	PRIMARY KEY (repo, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_subject ON manifest (repo, subject);
CREATE TABLE tag (repo TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repo, name)) STRICT, WITHOUT ROWID;
CREATE TABLE reference (repo TEXT NOT NULL, manifest TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repo, manifest, digest)) STRICT, WITHOUT ROWID;
CREATE INDEX reference_digest ON reference (repo, digest);
INSERT INTO link VALUES ('app', 'sha256:layer'), ('app', 'sha256:alone');
INSERT INTO manifest VALUES ('app', 'sha256:image', 'type', 7, '', '', 'null');
INSERT INTO tag VALUES ('app', 'v1', 'sha256:image');
INSERT INTO reference VALUES ('app', 'sha256:image', 'sha256:layer');
PRAGMA user_version = 1;
`

// with makes a database by hand.
func with(t *testing.T, statements string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "registry.db")
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path string) *index.Index {
	t.Helper()
	x, err := index.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func TestTheFirstVersionIsUnderstood(t *testing.T) {
	x := open(t, with(t, version1))
	if m, found, err := x.ByTag(t.Context(), "app", "v1"); err != nil || !found || m.Digest != "sha256:image" || m.Size != 7 {
		t.Errorf("%+v, %v, %v", m, found, err)
	}
	now := time.Now()
	if n, err := x.Expire(t.Context(), now.Add(-time.Hour), 10); err != nil || n != 0 {
		t.Errorf("%d were forgotten at once, %v", n, err)
	}
	if n, err := x.Expire(t.Context(), now.Add(time.Hour), 10); err != nil || n != 1 {
		t.Errorf("%d were forgotten, %v", n, err)
	}
	for digest, want := range map[string]bool{"sha256:layer": true, "sha256:alone": false, "sha256:image": true} {
		if needed, err := x.Needed(t.Context(), digest); err != nil || needed != want {
			t.Errorf("%s: %v, %v", digest, needed, err)
		}
	}
}

func TestReliability26ANewerIndexIsRefused(t *testing.T) {
	x, err := index.Open(t.Context(), with(t, "CREATE TABLE t (a); PRAGMA user_version = 99;"))
	if err == nil {
		t.Fatal("it was opened", x.Close())
	}
	if !strings.Contains(err.Error(), "version 99") {
		t.Errorf("got %v", err)
	}
}

func TestOneProcessHasIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	open(t, path)
	if x, err := index.Open(context.Background(), path); err == nil {
		t.Error("it was opened twice", x.Close())
	}
}

func TestContentInPages(t *testing.T) {
	const many = 2500
	x := open(t, with(t, version1+fmt.Sprintf("DELETE FROM link; DELETE FROM manifest;"+
		"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < %d) "+
		"INSERT INTO link SELECT 'app', printf('sha256:%%04d', i) FROM n;", many)))
	last, count := "", 0
	err := x.Content(t.Context(), func(digest, repo string) error {
		if digest <= last || repo != "app" {
			t.Errorf("%s of %s after %s", digest, repo, last)
		}
		last, count = digest, count+1
		return nil
	})
	if err != nil || count != many {
		t.Errorf("%d, %v", count, err)
	}
}
