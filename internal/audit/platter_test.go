package audit_test

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// platter is an SQLite VFS over the operating system's that writes down what
// reaches the disk, so that a test can make the folder that a power cut at any
// of these moments may leave.
type platter struct {
	vfs.VFS
	name string // under which SQLite finds it
	lies bool   // syncs are not what they say: no disk should be like that

	mu    sync.Mutex
	ops   []op
	files int // files that were made so far
	full  func() bool
}

// op is one thing that happened to the disk. The kind says which fields count.
type op struct {
	kind opKind
	file int    // write, truncate, sync, create
	name string // create, remove
	at   int64  // write: offset; truncate: size; acknowledge: number of entries
	data []byte // write
}

type opKind int

const (
	opWrite       opKind = iota
	opTruncate           // file to size
	opSync               // content of file
	opCreate             // name is file
	opRemove             // name is nothing
	opSyncFolder         // all names
	opAcknowledge        // Append returned
)

// newPlatter registers a platter for the length of a test.
func newPlatter(t *testing.T) *platter {
	t.Helper()
	p := &platter{VFS: vfs.Find(""), name: "platter-" + t.Name()}
	vfs.Register(p.name, p)
	t.Cleanup(func() { vfs.Unregister(p.name) })
	return p
}

func (p *platter) note(o op) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ops = append(p.ops, o)
}

// fails says whether the disk has no room for a write now.
func (p *platter) fails() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.full != nil && p.full()
}

// OpenFilename implements vfs.VFSFilename.
func (p *platter) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := p.VFS.(vfs.VFSFilename).OpenFilename(name, flags)
	if err != nil || name == nil {
		return f, flags, err
	}
	base := filepath.Base(name.String())
	p.mu.Lock()
	defer p.mu.Unlock()
	id := p.current(base)
	if size, _ := f.Size(); id < 0 || size == 0 {
		p.files++
		id = p.files
		p.ops = append(p.ops, op{kind: opCreate, name: base, file: id})
	}
	return &track{File: f, platter: p, id: id, names: flags&vfs.OPEN_WAL != 0}, flags, nil
}

// current returns the file that has a name now, -1 when none has.
func (p *platter) current(name string) int {
	for _, o := range slices.Backward(p.ops) {
		switch {
		case o.name != name:
		case o.kind == opCreate:
			return o.file
		default:
			return -1
		}
	}
	return -1
}

// Delete implements vfs.VFS.
func (p *platter) Delete(name string, syncFolder bool) error {
	if err := p.VFS.Delete(name, syncFolder); err != nil {
		return err
	}
	p.note(op{kind: opRemove, name: filepath.Base(name)})
	if syncFolder && !p.lies {
		p.note(op{kind: opSyncFolder})
	}
	return nil
}

// track is an open file of a platter.
type track struct {
	vfs.File
	platter *platter
	id      int
	names   bool // the first sync makes the folder's names durable too
}

// WriteAt implements vfs.File. On a full disk it writes half.
func (f *track) WriteAt(data []byte, at int64) (int, error) {
	if f.platter.fails() {
		half := len(data) / 2
		if _, err := f.File.WriteAt(data[:half], at); err != nil {
			return 0, err
		}
		f.platter.note(op{kind: opWrite, file: f.id, at: at, data: bytes.Clone(data[:half])})
		return half, sqlite3.FULL
	}
	f.platter.note(op{kind: opWrite, file: f.id, at: at, data: bytes.Clone(data)})
	return f.File.WriteAt(data, at)
}

// Truncate implements vfs.File.
func (f *track) Truncate(size int64) error {
	f.platter.note(op{kind: opTruncate, file: f.id, at: size})
	return f.File.Truncate(size)
}

// Sync implements vfs.File. The bytes are not made to reach the real disk: the
// test is about those that reached the platter.
func (f *track) Sync(vfs.SyncFlag) error {
	if f.platter.fails() {
		return sqlite3.IOERR_FSYNC
	}
	if f.platter.lies {
		return nil
	}
	f.platter.note(op{kind: opSync, file: f.id})
	if f.names {
		f.platter.note(op{kind: opSyncFolder})
		f.names = false
	}
	return nil
}

// LockState implements vfs.FileLockState.
func (f *track) LockState() vfs.LockLevel { return f.File.(vfs.FileLockState).LockState() }

// surface is what is on a platter at one moment: what is certain, and what is on
// its way there.
type surface struct {
	content map[int][]byte   // by file, as last synced
	pending map[int][]op     // since
	names   map[string][]int // files that a name may stand for: the durable one, then the later ones; 0 is none
	acked   int64            // entries whose Append has returned
}

func newSurface() *surface {
	return &surface{content: map[int][]byte{}, pending: map[int][]op{}, names: map[string][]int{}}
}

func (s *surface) apply(o op) {
	switch o.kind {
	case opWrite, opTruncate:
		s.pending[o.file] = append(s.pending[o.file], o)
	case opSync:
		for _, p := range s.pending[o.file] {
			s.content[o.file] = change(s.content[o.file], p)
		}
		delete(s.pending, o.file)
	case opCreate, opRemove:
		if s.names[o.name] == nil {
			s.names[o.name] = []int{0}
		}
		s.names[o.name] = append(s.names[o.name], o.file)
	case opSyncFolder:
		for name, files := range s.names {
			s.names[name] = files[len(files)-1:]
		}
	case opAcknowledge:
		s.acked = o.at
	}
}

// change returns content after a write or a truncation.
func change(content []byte, o op) []byte {
	if o.kind == opTruncate {
		return append(bytes.Clone(content[:min(o.at, int64(len(content)))]),
			make([]byte, max(0, o.at-int64(len(content))))...)
	}
	if end := o.at + int64(len(o.data)); end > int64(len(content)) {
		content = append(content, make([]byte, end-int64(len(content)))...)
	}
	copy(content[o.at:], o.data)
	return content
}

// cut puts into a folder what a power cut at this moment may leave.
func (s *surface) cut(dir string, rng *rand.Rand) error {
	for _, name := range slices.Sorted(maps.Keys(s.names)) {
		file := s.names[name][rng.IntN(len(s.names[name]))]
		if file == 0 {
			continue
		}
		content := bytes.Clone(s.content[file])
		for _, o := range survivors(s.pending[file], rng) {
			content = change(content, o)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// survivors draws which of the writes that were not synced are on the disk: none,
// all, the first ones, or any of their sectors, in whatever order they went.
func survivors(pending []op, rng *rand.Rand) []op {
	switch rng.IntN(5) {
	case 0:
		return nil
	case 1:
		return pending
	case 2:
		return pending[:rng.IntN(len(pending)+1)]
	case 3:
		return torn(pending, 512, rng)
	default:
		return torn(pending, 4096, rng)
	}
}

// torn cuts writes at the boundaries of sectors and loses some of the pieces.
func torn(pending []op, sector int64, rng *rand.Rand) []op {
	kept := rng.Float64()
	var left []op
	for _, o := range pending {
		if o.kind == opTruncate {
			if rng.Float64() < kept {
				left = append(left, o)
			}
			continue
		}
		for at, data := o.at, o.data; len(data) > 0; {
			n := min(sector-at%sector, int64(len(data)))
			if rng.Float64() < kept {
				left = append(left, op{kind: opWrite, at: at, data: data[:n]})
			}
			at, data = at+n, data[n:]
		}
	}
	return left
}
