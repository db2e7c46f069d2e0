package registry

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// The bounds of an unpacked image.
const (
	maxEntries = 200_000
	maxBytes   = 8 << 30
)

// tempRoot begins the names of roots that are not finished.
const tempRoot = "tmp-"

// Unpack brings an image into a folder of its own, once, and returns it with
// what its configuration says. Of an index it takes the image for this machine.
// Whatever would reach out of the folder, is a device, or goes beyond the bounds
// is refused, and then nothing of the image stays.
func (s *Store) Unpack(ctx context.Context, repo, digest string) (driver.Image, error) {
	m, doc, err := s.image(ctx, repo, digest)
	if err != nil {
		return driver.Image{}, err
	}
	d, err := parseDigest(m.Digest)
	if err != nil {
		return driver.Image{}, err
	}
	lock := s.rootLock(m.Digest)
	lock.Lock()
	defer lock.Unlock()
	root := filepath.Join(s.dir, rootsName, d.algorithm+"-"+d.hex)
	if _, err := os.Stat(root); errors.Is(err, os.ErrNotExist) {
		if err := s.unpack(doc, root); err != nil {
			return driver.Image{}, fmt.Errorf("unpack %s: %w", digest, err)
		}
	}
	return s.configured(doc, digest, root)
}

func (s *Store) rootLock(digest string) *sync.Mutex {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roots[digest] == nil {
		s.roots[digest] = &sync.Mutex{}
	}
	return s.roots[digest]
}

// image finds an image manifest, through an index if need be.
func (s *Store) image(ctx context.Context, repo, reference string) (Manifest, document, error) {
	m, err := s.Manifest(ctx, repo, reference)
	if err != nil {
		return m, document{}, err
	}
	var doc document
	if err := json.Unmarshal(m.Bytes, &doc); err != nil {
		return m, doc, fmt.Errorf("read manifest %s: %w", reference, err)
	}
	if m.MediaType != typeIndex && m.MediaType != typeDockerList {
		return m, doc, nil
	}
	for _, entry := range doc.Manifests {
		p := entry.Platform
		if p != nil && p.OS == "linux" && p.Architecture == runtime.GOARCH {
			return s.image(ctx, repo, entry.Digest)
		}
	}
	return m, doc, fmt.Errorf("index %s has no image for linux/%s", reference, runtime.GOARCH)
}

// configured reads the image's configuration (OCI image-spec 1.1, config.md).
func (s *Store) configured(doc document, digest, root string) (driver.Image, error) {
	if doc.Config == nil {
		return driver.Image{}, fmt.Errorf("manifest %s is no image", digest)
	}
	data, err := s.readBlob(doc.Config.Digest)
	if err != nil {
		return driver.Image{}, err
	}
	var file struct {
		Config struct {
			Entrypoint, Cmd, Env []string
			User, WorkingDir     string
		} `json:"config"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return driver.Image{}, fmt.Errorf("read the configuration of %s: %w", digest, err)
	}
	c := file.Config
	return driver.Image{
		Digest: digest, Root: root, Entrypoint: c.Entrypoint, Cmd: c.Cmd, Env: c.Env, User: c.User, WorkingDir: c.WorkingDir,
	}, nil
}

// unpack applies the layers in a temporary folder and gives it its name when
// all went well.
func (s *Store) unpack(doc document, root string) error {
	temp, err := os.MkdirTemp(filepath.Dir(root), tempRoot)
	if err != nil {
		return err
	}
	if err := s.applyAll(doc, temp); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	if err := os.Rename(temp, root); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	return atomicfile.SyncDir(filepath.Dir(root))
}

func (s *Store) applyAll(doc document, dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	u := &unpacker{root: root, entries: maxEntries, bytes: maxBytes}
	for _, layer := range doc.Layers {
		d, err := parseDigest(layer.Digest)
		if err != nil {
			return err
		}
		if err := s.apply(u, d); err != nil {
			return fmt.Errorf("layer %s: %w", d, err)
		}
	}
	return nil
}

func (s *Store) apply(u *unpacker, d digest) error {
	blob, _, err := s.open(d)
	if err != nil {
		return err
	}
	defer blob.Close()
	content, closeContent, err := decompress(blob)
	if err != nil {
		return err
	}
	defer closeContent()
	if err := u.layer(tar.NewReader(content)); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, blob) // what follows the archive counts for the digest
	return err
}

// decompress tells compression by the first bytes, as media types are not
// always right.
func decompress(r io.Reader) (io.Reader, func(), error) {
	buffered := bufio.NewReader(r)
	magic, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, nil, err
		}
		return z, func() { z.Close() }, nil
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(buffered, zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	default:
		return buffered, func() {}, nil
	}
}

// unpacker writes archives below a root that nothing leads out of.
type unpacker struct {
	root    *os.Root
	entries int
	bytes   int64
}

// layer applies one layer (OCI image-spec 1.1, layer.md).
func (u *unpacker) layer(archive *tar.Reader) error {
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		if u.entries--; u.entries < 0 {
			return fmt.Errorf("the image has more than %d entries", maxEntries)
		}
		name, err := inside(header.Name)
		if err != nil {
			return err
		}
		if name == "." {
			continue
		}
		if err := u.entry(name, header, archive); err != nil {
			return fmt.Errorf("entry %q: %w", header.Name, err)
		}
	}
}

// inside cleans an entry's name and refuses what points out of the root.
func inside(name string) (string, error) {
	clean := path.Clean("./" + strings.TrimPrefix(name, "/"))
	if !filepath.IsLocal(clean) || strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("entry %q leads out of the image", name)
	}
	return clean, nil
}

const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

func (u *unpacker) entry(name string, header *tar.Header, content io.Reader) error {
	dir, base := path.Split(name)
	if base == opaque {
		return u.empty(path.Clean(dir))
	}
	if hidden, found := strings.CutPrefix(base, whiteout); found {
		if hidden == "" || hidden == "." || hidden == ".." {
			return errors.New("it hides nothing that can be")
		}
		return u.root.RemoveAll(path.Join(dir, hidden))
	}
	if err := u.root.MkdirAll(path.Clean(dir), 0o755); err != nil {
		return err
	}
	if header.Typeflag != tar.TypeDir {
		if err := u.root.RemoveAll(name); err != nil {
			return err
		}
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return u.folder(name, header)
	case tar.TypeReg:
		return u.file(name, header, content)
	case tar.TypeSymlink:
		return u.root.Symlink(header.Linkname, name)
	case tar.TypeLink:
		target, err := inside(header.Linkname)
		if err != nil {
			return err
		}
		return u.root.Link(target, name)
	case tar.TypeXGlobalHeader:
		return nil
	default:
		return fmt.Errorf("it is of type %q; only files, folders and links are unpacked", header.Typeflag)
	}
}

func (u *unpacker) folder(name string, header *tar.Header) error {
	if info, err := u.root.Lstat(name); err == nil && !info.IsDir() {
		if err := u.root.RemoveAll(name); err != nil {
			return err
		}
	}
	if err := u.root.MkdirAll(name, 0o755); err != nil {
		return err
	}
	return u.root.Chmod(name, readable(header)|0o111)
}

// readable is an entry's mode without set-ID bits, and readable for the user
// that the image runs as, who is not its owner here.
func readable(header *tar.Header) os.FileMode {
	mode := header.FileInfo().Mode()
	return mode.Perm()&0o755 | 0o444 | mode&os.ModeSticky
}

func (u *unpacker) file(name string, header *tar.Header, content io.Reader) error {
	if header.Size > u.bytes {
		return fmt.Errorf("the image has more than %d bytes", int64(maxBytes))
	}
	f, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(content, u.bytes))
	u.bytes -= n
	if err == nil {
		err = f.Chmod(readable(header))
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// empty removes what lower layers put into a folder.
func (u *unpacker) empty(dir string) error {
	f, err := u.root.Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	names, err := f.Readdirnames(-1)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	for _, name := range names {
		if err := u.root.RemoveAll(path.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
