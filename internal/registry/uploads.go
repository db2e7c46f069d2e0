package registry

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// upload is a blob on its way. Its bytes are in a file, so an upload can be
// taken up again after the server was.
type upload struct {
	mu   sync.Mutex // held while bytes are added
	path string
	size int64
	sum  hash.Hash // SHA-256 of what is there; nil where it has to be read again
}

var uploadForm = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// begin makes a new upload.
func (s *Store) begin() (id string, err error) {
	id = rand.Text()
	f, err := os.OpenFile(s.uploadPath(id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("begin upload: %w", err)
	}
	s.mu.Lock()
	s.uploads[id] = &upload{path: f.Name(), sum: sha256.New()}
	s.mu.Unlock()
	return id, f.Close()
}

func (s *Store) uploadPath(id string) string { return filepath.Join(s.dir, uploadsName, id) }

// resume finds an upload, also one that an earlier process began.
func (s *Store) resume(id string) (*upload, error) {
	if !uploadForm.MatchString(id) {
		return nil, fmt.Errorf("upload %q: %w", id, ErrNotFound)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.uploads[id]; u != nil {
		return u, nil
	}
	info, err := os.Stat(s.uploadPath(id))
	if err != nil {
		return nil, fmt.Errorf("upload %q: %w", id, ErrNotFound)
	}
	u := &upload{path: s.uploadPath(id), size: info.Size()}
	s.uploads[id] = u
	return u, nil
}

// add appends what r holds. What was added before an error stays, so that the
// client can go on from there.
func (u *upload) add(r io.Reader) error {
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
	n, err := io.Copy(to, r)
	u.size += n
	if err != nil {
		u.sum = nil // a short write may have reached the file alone
		if info, statErr := f.Stat(); statErr == nil {
			u.size = info.Size()
		}
		return fmt.Errorf("add to upload: %w", err)
	}
	return nil
}

// finish makes the upload a blob of the repository, when its digest is right.
func (s *Store) finish(ctx context.Context, repo, id string, u *upload, d digest) error {
	f, err := os.OpenFile(u.path, os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("finish upload: %w", err)
	}
	defer f.Close()
	sum := u.sum
	if sum == nil || d.algorithm != "sha256" {
		sum = d.hash()
		if _, err := io.Copy(sum, f); err != nil {
			return fmt.Errorf("finish upload: %w", err)
		}
	}
	if !d.matches(sum) {
		s.drop(id)
		return problemf(http.StatusBadRequest, "DIGEST_INVALID", "what was uploaded does not have the digest %s", d)
	}
	if err := s.adopt(f, d); err != nil {
		return err
	}
	s.drop(id)
	return s.index.link(ctx, repo, d.String())
}

// drop forgets an upload and what is left of its file.
func (s *Store) drop(id string) {
	s.mu.Lock()
	delete(s.uploads, id)
	s.mu.Unlock()
	_ = os.Remove(s.uploadPath(id)) // it is a blob by now, or swept with the next start
}

// upload answers under /blobs/uploads/.
func (h *handler) upload(w http.ResponseWriter, r *http.Request, repo, id string) {
	if id == "" {
		if r.Method != http.MethodPost {
			notAllowed(w, r, http.MethodPost)
			return
		}
		h.beginUpload(w, r, repo)
		return
	}
	u, err := h.store.resume(id)
	if err != nil {
		refuse(w, r, err, "BLOB_UPLOAD_UNKNOWN")
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	switch r.Method {
	case http.MethodGet:
		h.accepted(w, repo, id, u, http.StatusNoContent)
	case http.MethodPatch:
		h.patchUpload(w, r, repo, id, u)
	case http.MethodPut:
		h.putUpload(w, r, repo, id, u)
	case http.MethodDelete:
		h.store.drop(id)
		w.WriteHeader(http.StatusNoContent)
	default:
		notAllowed(w, r, http.MethodGet, http.MethodPatch, http.MethodPut, http.MethodDelete)
	}
}

// beginUpload answers POST: a mount, a blob at once, or a new upload.
func (h *handler) beginUpload(w http.ResponseWriter, r *http.Request, repo string) {
	query := r.URL.Query()
	if mount := query.Get("mount"); mount != "" {
		done, err := h.mount(w, r, repo, mount, query.Get("from"))
		if err != nil {
			refuse(w, r, err, "BLOB_UNKNOWN")
		}
		if done || err != nil {
			return
		}
	}
	id, err := h.store.begin()
	if err != nil {
		refuse(w, r, err, "")
		return
	}
	u, err := h.store.resume(id)
	if err != nil {
		refuse(w, r, err, "BLOB_UPLOAD_UNKNOWN")
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if query.Has("digest") {
		defer h.store.drop(id) // the client does not know it and cannot go on
		h.putUpload(w, r, repo, id, u)
		return
	}
	h.accepted(w, repo, id, u, http.StatusAccepted)
}

// mount links a blob that another repository has. Where there is none, the
// upload goes on as usual.
func (h *handler) mount(w http.ResponseWriter, r *http.Request, repo, text, from string) (bool, error) {
	d, err := parseDigest(text)
	if err != nil {
		return false, problemf(http.StatusBadRequest, "DIGEST_INVALID", "%v", err)
	}
	var there bool
	if from == "" {
		there, err = h.store.index.linkedAnywhere(r.Context(), d.String())
	} else {
		there, err = h.store.index.linked(r.Context(), from, d.String())
	}
	if err != nil || !there {
		return false, err
	}
	if err := h.store.index.link(r.Context(), repo, d.String()); err != nil {
		return false, err
	}
	h.created(w, repo, d)
	return true, nil
}

func (h *handler) created(w http.ResponseWriter, repo string, d digest) {
	w.Header().Set("Location", "/v2/"+repo+"/blobs/"+d.String())
	w.Header().Set("Docker-Content-Digest", d.String())
	w.WriteHeader(http.StatusCreated)
}

// accepted says where an upload stands.
func (h *handler) accepted(w http.ResponseWriter, repo, id string, u *upload, status int) {
	h.place(w, repo, id, u)
	w.WriteHeader(status)
}

func (h *handler) place(w http.ResponseWriter, repo, id string, u *upload) {
	w.Header().Set("Location", "/v2/"+repo+"/blobs/uploads/"+id)
	w.Header().Set("Docker-Upload-UUID", id)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, u.size-1)))
}

func (h *handler) patchUpload(w http.ResponseWriter, r *http.Request, repo, id string, u *upload) {
	if err := inOrder(r, u.size); err != nil {
		h.place(w, repo, id, u)
		refuse(w, r, err, "")
		return
	}
	if err := u.add(r.Body); err != nil {
		if full(err) {
			h.store.drop(id) // it only fills the disk
		}
		h.place(w, repo, id, u)
		refuse(w, r, err, "BLOB_UPLOAD_UNKNOWN")
		return
	}
	h.accepted(w, repo, id, u, http.StatusAccepted)
}

func (h *handler) putUpload(w http.ResponseWriter, r *http.Request, repo, id string, u *upload) {
	d, err := parseDigest(r.URL.Query().Get("digest"))
	if err != nil {
		refuse(w, r, problemf(http.StatusBadRequest, "DIGEST_INVALID", "%v", err), "")
		return
	}
	err = inOrder(r, u.size)
	if err == nil {
		err = u.add(r.Body)
	}
	if err == nil {
		err = h.store.finish(r.Context(), repo, id, u, d)
	}
	if err != nil {
		if full(err) {
			h.store.drop(id) // it only fills the disk
		}
		h.place(w, repo, id, u)
		refuse(w, r, err, "BLOB_UPLOAD_UNKNOWN")
		return
	}
	h.created(w, repo, d)
}

// inOrder refuses a chunk that does not begin where the upload stands.
func inOrder(r *http.Request, size int64) error {
	text := r.Header.Get("Content-Range")
	if text == "" {
		return nil
	}
	start, end, err := parseContentRange(text)
	if err != nil {
		return problemf(http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "%v", err)
	}
	if start != size || (r.ContentLength >= 0 && end-start+1 != r.ContentLength) {
		return problemf(http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID",
			"the chunk %s does not go on at byte %d", text, size)
	}
	return nil
}

// parseContentRange reads "START-END", which is not quite what RFC 9110 says
// (OCI distribution-spec 1.1, "Pushing a blob in chunks").
func parseContentRange(text string) (start, end int64, err error) {
	from, to, found := strings.Cut(strings.TrimPrefix(text, "bytes "), "-")
	to, _, _ = strings.Cut(to, "/")
	start, startErr := strconv.ParseInt(from, 10, 64)
	end, endErr := strconv.ParseInt(to, 10, 64)
	if !found || errors.Join(startErr, endErr) != nil || start < 0 || end < start {
		return 0, 0, fmt.Errorf("Content-Range %q is not START-END", text)
	}
	return start, end, nil
}
