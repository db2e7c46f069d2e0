package app

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/davit-dev/davit/internal/audit"
	"github.com/davit-dev/davit/internal/backup"
	"github.com/davit-dev/davit/internal/registry"
)

// kept is a data folder with a journal and a registry that are open.
type kept struct {
	t      *testing.T
	paths  Paths
	log    *audit.Log
	images *registry.Store
	host   string
}

func openKept(t *testing.T) *kept {
	t.Helper()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	paths, err := NewPaths(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	if err := paths.Make(); err != nil {
		t.Fatal(err)
	}
	k := &kept{t: t, paths: paths}
	if _, err := password(paths.Password()); err != nil {
		t.Fatal(err)
	}
	if k.log, err = audit.Open(t.Context(), paths.Data, audit.Options{}); err != nil {
		t.Fatal(err)
	}
	if k.images, err = registry.Open(paths.Registry(), registry.Options{}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry.Handler(k.images, registry.Auth{Password: "p"}))
	k.host = server.URL
	t.Cleanup(func() {
		server.Close()
		if err := errors.Join(k.images.Close(), k.log.Close()); err != nil {
			t.Error(err)
		}
	})
	return k
}

// push stores an image of one layer and then says so in the journal.
func (k *kept) push(n int) error {
	layer := bytes.Repeat(fmt.Appendf(nil, "layer %d ", n), 1+n*97%5000)
	var digests [2]string
	for i, data := range [][]byte{fmt.Appendf(nil, `{"n":%d}`, n), layer} {
		digests[i] = "sha256:" + sumText(data)
		if err := k.send(http.MethodPost, "/v2/orders/blobs/uploads/?digest="+digests[i], "", data); err != nil {
			return err
		}
	}
	manifest := fmt.Appendf(nil, `{"schemaVersion":2,"config":{"mediaType":"x","digest":%q,"size":1},"layers":[{"mediaType":"y","digest":%q,"size":1}]}`,
		digests[0], digests[1])
	digest := "sha256:" + sumText(manifest)
	if err := k.send(http.MethodPut, "/v2/orders/manifests/"+digest, "application/vnd.oci.image.manifest.v1+json", manifest); err != nil {
		return err
	}
	_, err := k.log.Append(context.WithoutCancel(k.t.Context()), audit.Entry{Kind: "pushed", Data: json.RawMessage(fmt.Sprintf("%q", digest))})
	return err
}

func sumText(data []byte) string {
	member, err := sumContent("", io.NopCloser(bytes.NewReader(data)))
	if err != nil {
		panic(err) // bytes can be read
	}
	return member.SHA256
}

func (k *kept) send(method, path, kind string, body []byte) error {
	req, err := http.NewRequestWithContext(context.WithoutCancel(k.t.Context()), method, k.host+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.SetBasicAuth("davit", "p")
	req.Header.Set("Content-Type", kind)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%s: %s", resp.Status, text)
	}
	return nil
}

// archive makes a backup, as the running server does.
func (k *kept) archive(keys bool) string {
	k.t.Helper()
	file := filepath.Join(k.t.TempDir(), "backup.tar.gz")
	f, err := os.Create(file)
	if err != nil {
		k.t.Fatal(err)
	}
	a := &archivist{paths: k.paths, log: k.log, images: k.images}
	if err := errors.Join(a.write(k.t.Context(), f, keys), f.Close()); err != nil {
		k.t.Fatal(err)
	}
	return file
}

// TestBackupHasCertificates with keys, without the locks of who is at work there, and
// without keys not at all.
func TestBackupHasCertificates(t *testing.T) {
	k := openKept(t)
	names := []string{"root.key", "root.crt", "store/certificates/ca/a.org/a.org.key"}
	for _, name := range append(names, "store/locks/issue_cert_a.org.lock") {
		file := filepath.Join(k.paths.Certificates(), name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(name), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, keys := range []bool{true, false} {
		data := filepath.Join(t.TempDir(), "data")
		if _, err := Restore(t.Context(), k.archive(keys), data); err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		err := fs.WalkDir(os.DirFS(data), ".", func(name string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && strings.HasPrefix(name, "certificates/") {
				var text []byte
				text, err = os.ReadFile(filepath.Join(data, name))
				found[strings.TrimPrefix(name, "certificates/")] = string(text)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if !keys && len(found) > 0 || keys && len(found) != len(names) {
			t.Errorf("with keys %t there are %v", keys, found)
		}
		for name, text := range found {
			if name != text {
				t.Errorf("in %s there is %q", name, text)
			}
		}
	}
}

// TestBackupUnderLoad makes backups while images are pushed and entries are
// appended. Each is whole and restores into a folder in which every image is
// that the journal there speaks of.
func TestBackupUnderLoad(t *testing.T) {
	k := openKept(t)
	for n := range 5 {
		if err := k.push(n); err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() {
		for n := 5; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := k.push(n); err != nil {
				t.Error(err)
				return
			}
		}
	})
	files := []string{}
	for range 3 {
		files = append(files, k.archive(true))
	}
	close(stop)
	load.Wait()
	files = append(files, k.archive(true))
	for _, file := range files {
		data := filepath.Join(t.TempDir(), "restored")
		if _, err := VerifyBackup(t.Context(), file, data); err != nil {
			t.Fatal(err)
		}
		report, err := Restore(t.Context(), file, data)
		if err != nil {
			t.Fatal(err)
		}
		if report.Entries < 5 || len(report.Missing) > 0 || !report.Keys {
			t.Errorf("%+v", report)
		}
		compareRestored(t, data, report.Entries)
	}
}

func compareRestored(t *testing.T, data string, entries int64) {
	t.Helper()
	log, err := audit.Open(t.Context(), data, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // it is only read
	images, err := registry.Open(filepath.Join(data, "registry"), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = images.Close() }() // likewise
	var seen int64
	err = log.Entries(t.Context(), 0, func(e audit.Entry) error {
		seen++
		if e.Kind != "pushed" {
			return nil
		}
		var digest string
		if err := json.Unmarshal(e.Data, &digest); err != nil {
			return err
		}
		_, err := images.Manifest(t.Context(), "orders", digest)
		return err
	})
	if err != nil || seen != entries+1 {
		t.Errorf("%d entries of %d and one: %v", seen, entries, err)
	}
	if found, err := images.Scrub(t.Context()); err != nil || len(found.Damaged) > 0 {
		t.Errorf("the registry has %+v, %v", found, err)
	}
}

// TestBackupTellsWhatIsDamaged: one damaged layer is no reason to lose the rest.
func TestBackupTellsWhatIsDamaged(t *testing.T) {
	k := openKept(t)
	for n := range 3 {
		if err := k.push(n); err != nil {
			t.Fatal(err)
		}
	}
	layer := bytes.Repeat([]byte("layer 1 "), 98)
	digest := "sha256:" + sumText(layer)
	if err := os.WriteFile(filepath.Join(k.paths.Data, backup.BlobName(digest)), []byte("rot"), 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := VerifyBackup(t.Context(), k.archive(true), k.paths.Data)
	if err != nil || !slices.Equal(report.Missing, []string{digest}) || report.Blobs != 8 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestReliability24AnOldBackupIsSeen: who has seen more of a journal than an
// archive holds is told so.
func TestReliability24AnOldBackupIsSeen(t *testing.T) {
	k := openKept(t)
	if err := k.push(1); err != nil {
		t.Fatal(err)
	}
	old := k.archive(true)
	if err := k.push(2); err != nil {
		t.Fatal(err)
	}
	keeper, err := openKeeper()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keeper.Check(t.Context(), k.paths.Data, k.log.Head); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file string
		old  bool
	}{"old": {old, true}, "new": {k.archive(true), false}} {
		report, err := VerifyBackup(t.Context(), c.file, k.paths.Data)
		if err != nil || (report.Seen != nil) != c.old {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
}

// TestABackupKeepsTheCertificate: who knows a server by its fingerprint still does
// after it was restored.
func TestABackupKeepsTheCertificate(t *testing.T) {
	k := openKept(t)
	cert, key, err := ownCertificate(k.paths.Data, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "restored")
	if _, err := Restore(t.Context(), k.archive(true), data); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{cert, key} {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(data, filepath.Base(file))
		got, err := os.ReadFile(at)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v", at, err)
		}
		if info, err := os.Stat(at); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", at, info, err)
		}
	}
	without, err := os.ReadFile(k.archive(false))
	if err != nil {
		t.Fatal(err)
	}
	_, contents := taken(t, without)
	if _, there := contents[backup.CertKeyName]; there {
		t.Error("without keys: the certificate's key is there")
	}
}

// TestRestoreRefuses wants nothing to be left of an archive that is not whole.
func TestRestoreRefuses(t *testing.T) {
	k := openKept(t)
	for n := range 2 {
		if err := k.push(n); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(k.archive(true))
	if err != nil {
		t.Fatal(err)
	}
	foreign := openKept(t)
	if err := foreign.push(1); err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(foreign.archive(true))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		archive []byte
		want    string
	}{
		"cut":                           {whole[:len(whole)/2], "ends too early"},
		"nothing":                       {nil, "no davit backup"},
		"a checkpoint of another":       {swapped(t, whole, other, func(m, o *backup.Manifest) { m.Checkpoint, m.Key = o.Checkpoint, o.Key }), "another key"},
		"a checkpoint that is not":      {swapped(t, whole, other, func(m, _ *backup.Manifest) { m.Checkpoint = "x" }), "signature"},
		"less than the index names":     {swapped(t, whole, other, func(m, _ *backup.Manifest) { m.Members = m.Members[:len(m.Members)-1] }), "the registry's index names it"},
		"a newer format":                {swapped(t, whole, other, func(m, _ *backup.Manifest) { m.Format = 9 }), "has format 9"},
		"more than the disk has":        {swapped(t, whole, other, func(m, _ *backup.Manifest) { m.Members[0].Size = 1 << 60 }), "the disk of"},
		"a name that leads out":         {swapped(t, whole, other, func(m, _ *backup.Manifest) { m.Members[0].Name = "../x" }), "no davit writes"},
		"a journal that is not the sum": {swapped(t, whole, other, func(m, _ *backup.Manifest) { m.Members[0].SHA256 = strings.Repeat("0", 64) }), "does not have the sum"},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			file := filepath.Join(parent, "backup")
			if err := os.WriteFile(file, c.archive, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Restore(t.Context(), file, filepath.Join(parent, "data"))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if left, _ := os.ReadDir(parent); len(left) != 1 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// swapped writes an archive again with a changed manifest, whatever it says.
func swapped(t *testing.T, whole, other []byte, change func(m, other *backup.Manifest)) []byte {
	t.Helper()
	m, contents := taken(t, whole)
	o, _ := taken(t, other)
	change(&m, &o)
	return packed(t, m, contents)
}

func taken(t *testing.T, archive []byte) (backup.Manifest, map[string][]byte) {
	t.Helper()
	r, err := backup.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string][]byte{}
	err = r.Members(t.Context(), func(m backup.Member, content io.Reader) (err error) {
		contents[m.Name], err = io.ReadAll(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.Manifest, contents
}

// packed writes an archive by hand, since package backup refuses to.
func packed(t *testing.T, m backup.Manifest, contents map[string][]byte) []byte {
	t.Helper()
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	archive := tar.NewWriter(compressed)
	add := func(name string, data []byte) {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	add(backup.ManifestName, data)
	for _, member := range m.Members {
		add(member.Name, contents[member.Name])
	}
	if err := errors.Join(archive.Close(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestABackupThatIsBrokenOffLeavesNothing and does not touch the one of before.
func TestABackupThatIsBrokenOffLeavesNothing(t *testing.T) {
	k := openKept(t)
	if err := k.push(1); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "backup.tar.gz")
	if err := os.WriteFile(file, []byte("of yesterday"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"a folder that somebody serves from": k.paths.Data, "a folder that is not there": filepath.Join(dir, "none"),
	} {
		held, err := lock(k.paths.Lock())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Backup(t.Context(), data, file, true); err == nil {
			t.Errorf("%s: there is a backup", name)
		}
		if err := held.Close(); err != nil {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if content, _ := os.ReadFile(file); err != nil || len(entries) != 1 || string(content) != "of yesterday" {
		t.Errorf("left %v, %v", entries, err)
	}
}
