package blob

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// platter knows what of a folder is durable: the content that a file had when it
// was synced, and the names that a folder had when it was. A power cut leaves
// that, and nothing else is certain.
type platter struct {
	mu      sync.Mutex
	content map[uint64][]byte          // by inode
	names   map[string]map[string]bool // by folder
}

func watch(s *Store) *platter {
	p := &platter{content: map[uint64][]byte{}, names: map[string]map[string]bool{}}
	s.disk = disk{p.syncFile, p.syncFolder}
	return p
}

func inode(info fs.FileInfo) uint64 { return info.Sys().(*syscall.Stat_t).Ino }

func (p *platter) syncFile(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(f.Name())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.content[inode(info)] = data
	return errors.Join(err, f.Sync())
}

func (p *platter) syncFolder(path string) error {
	entries, err := os.ReadDir(path)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names[path] = map[string]bool{}
	for _, e := range entries {
		p.names[path][e.Name()] = true
	}
	return errors.Join(err, atomicfile.SyncDir(path))
}

// cut copies to another folder what a power cut leaves of one.
func (p *platter) cut(t *testing.T, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !p.names[from][e.Name()] {
			continue
		}
		source, target := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if e.IsDir() {
			if err := os.Mkdir(target, 0o700); err != nil {
				t.Fatal(err)
			}
			p.cut(t, source, target)
			continue
		}
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, p.content[inode(info)], 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReliability02PowerCut cuts the power each time when a blob is about to be
// acknowledged: all that was acknowledged is there and right.
func TestReliability02PowerCut(t *testing.T) {
	dir := t.TempDir()
	s, err := NewStore(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	p := watch(s)
	var acknowledged []Digest
	contents := [][]byte{[]byte("a"), bytes.Repeat([]byte("b"), 100_000), []byte("c"), {}}
	for _, data := range contents {
		for _, push := range []func(then func() error) (Digest, error){
			func(then func() error) (Digest, error) {
				d := Digest{algorithm: sha512Name}.Of(data)
				return d, s.Put(data, d, then)
			},
			func(then func() error) (Digest, error) {
				d := SHA256(data)
				u, err := s.Begin("app", d)
				if err != nil {
					return d, err
				}
				return d, errors.Join(u.Append(bytes.NewReader(data)), s.Finish(u, d, then))
			},
		} {
			named := false
			var after string
			d, err := push(func() error {
				named = true
				after = t.TempDir()
				p.cut(t, dir, after)
				return nil
			})
			if err != nil || !named {
				t.Fatal(err, named)
			}
			acknowledged = append(acknowledged, d)
			found, err := NewStore(after, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range acknowledged {
				content, _, err := found.Open(d)
				if err != nil {
					t.Fatalf("after the power cut: %v", err)
				}
				if _, err := io.Copy(io.Discard, content); err != nil {
					t.Errorf("after the power cut: %v", err)
				}
				content.Close()
			}
		}
	}
	if len(acknowledged) != 2*len(contents) {
		t.Errorf("%d blobs were pushed", len(acknowledged))
	}
}

// TestPowerCutModel shows that the model forgets what was not synced.
func TestPowerCutModel(t *testing.T) {
	dir := t.TempDir()
	s, err := NewStore(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for what, careless := range map[string]func(*platter){
		"file":   func(p *platter) { s.disk.syncFile = func(*os.File) error { return nil } },
		"folder": func(p *platter) { s.disk.syncFolder = func(string) error { return nil } },
	} {
		p := watch(s)
		careless(p)
		d := SHA256([]byte(what))
		if err := s.Put([]byte(what), d, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
		after := t.TempDir()
		p.cut(t, dir, after)
		found, err := NewStore(after, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := found.Read(d, 100); err == nil {
			t.Errorf("it is there although no %s was synced", what)
		}
	}
}

func TestUploadsThatAreNotFinishedAreNotBlobs(t *testing.T) {
	s, err := NewStore(t.TempDir(), 10)
	if err != nil {
		t.Fatal(err)
	}
	d := SHA256([]byte("whole"))
	u, err := s.Begin("app", d)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Append(bytes.NewReader([]byte("who"))); err != nil {
		t.Fatal(err)
	}
	never := func() error { t.Error("a part was named"); return nil }
	if err := s.Finish(u, d, never); !errors.Is(err, ErrMismatch) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Read(d, 10); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Resume("app", u.ID()); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	var seen []Digest
	if err := s.All(t.Context(), func(d Digest) error { seen = append(seen, d); return nil }); err != nil || len(seen) > 0 {
		t.Errorf("blobs %v, %v", seen, err)
	}
	large, err := s.Begin("app", Digest{})
	if err != nil {
		t.Fatal(err)
	}
	if err := large.Append(bytes.NewReader(make([]byte, 11))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if !slices.Contains(algorithms(), d.algorithm) {
		t.Error("its algorithm is not walked")
	}
}
