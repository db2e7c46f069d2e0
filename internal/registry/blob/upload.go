package blob

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sync"
)

// Upload is a blob on its way. Its bytes are in a file, so an upload can be
// taken up again after the server was. Lock it before use.
type Upload struct {
	sync.Mutex
	id        string
	path      string
	max       int64
	size      int64
	algorithm string
	sum       hash.Hash // of what is there; nil where it has to be read again
}

var uploadForm = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// Begin makes a new upload to a repository, to which it is bound, and locks it.
// The digest may be none; when it is known, the content is hashed as it comes.
func (s *Store) Begin(repo string, d Digest) (*Upload, error) {
	u := &Upload{id: rand.Text(), max: s.max, algorithm: d.algorithm, sum: d.hash()}
	if u.algorithm == "" {
		u.algorithm = sha256Name
	}
	name := uploadName(repo, u.id)
	u.path = filepath.Join(s.dir, uploadsName, name)
	u.Lock() // before it can be found, and swept
	s.mu.Lock()
	s.uploads[name] = u
	s.mu.Unlock()
	f, err := os.OpenFile(u.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		s.Drop(u)
		return nil, fmt.Errorf("begin upload: %w", err)
	}
	return u, f.Close()
}

// uploadName binds an upload to its repository also where another process reads
// the folder: asked for in another one, there is no such file.
func uploadName(repo, id string) string {
	sum := sha256.Sum256([]byte(repo))
	return id + "-" + hex.EncodeToString(sum[:8])
}

// Resume finds an upload, also one that an earlier process began.
func (s *Store) Resume(repo, id string) (*Upload, error) {
	missing := fmt.Errorf("upload %q: %w", id, ErrNotFound)
	if !uploadForm.MatchString(id) {
		return nil, missing
	}
	name := uploadName(repo, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.uploads[name]; u != nil {
		return u, nil
	}
	path := filepath.Join(s.dir, uploadsName, name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, missing
	}
	u := &Upload{id: id, path: path, max: s.max, size: info.Size()}
	s.uploads[name] = u
	return u, nil
}

// ID names the upload within its repository.
func (u *Upload) ID() string { return u.id }

// Size is how many bytes are there.
func (u *Upload) Size() int64 { return u.size }

// Append adds what r holds. What was added before an error stays, so that the
// client can go on from there.
func (u *Upload) Append(r io.Reader) error {
	f, err := os.OpenFile(u.path, os.O_WRONLY|os.O_APPEND, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("upload: %w", ErrNotFound) // another request has finished it
	}
	if err != nil {
		return fmt.Errorf("add to upload: %w", err)
	}
	defer f.Close()
	var to io.Writer = f
	if u.sum != nil {
		to = io.MultiWriter(f, u.sum)
	}
	n, err := io.Copy(to, io.LimitReader(r, u.max-u.size+1))
	u.size += n
	if err != nil {
		u.sum = nil // a short write may have reached the file alone
		if info, statErr := f.Stat(); statErr == nil {
			u.size = info.Size()
		}
		return fmt.Errorf("add to upload: %w", err)
	}
	if u.size > u.max {
		return fmt.Errorf("%w: at most %d bytes are taken", ErrTooLarge, u.max)
	}
	return nil
}

// Finish makes an upload the blob with a digest, when that is right. Then names
// the blob where it is needed; until that is done it is not collected.
func (s *Store) Finish(u *Upload, d Digest, then func() error) error {
	f, err := os.OpenFile(u.path, os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("finish upload: %w", err)
	}
	defer f.Close()
	sum := u.sum
	if sum == nil || d.algorithm != u.algorithm {
		sum = d.hash()
		if _, err := io.Copy(sum, f); err != nil {
			return fmt.Errorf("finish upload: %w", err)
		}
	}
	if !d.matches(sum) {
		s.Drop(u)
		return fmt.Errorf("%w than %s", ErrMismatch, d)
	}
	if err := s.adopt(f, d, then); err != nil {
		return err
	}
	s.Drop(u)
	return nil
}

// Drop forgets an upload and what is left of its file.
func (s *Store) Drop(u *Upload) {
	s.mu.Lock()
	delete(s.uploads, filepath.Base(u.path))
	s.mu.Unlock()
	_ = os.Remove(u.path) // it is a blob by now, or swept later
}
