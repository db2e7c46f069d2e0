package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

// blob answers under /blobs/.
func (h *handler) blob(w http.ResponseWriter, r *http.Request, repo, text string) {
	d, err := parseDigest(text)
	if err != nil {
		refuse(w, r, problemf(http.StatusBadRequest, "DIGEST_INVALID", "%v", err), "")
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		h.getBlob(w, r, repo, d)
	case http.MethodDelete:
		h.deleteBlob(w, r, repo, d)
	default:
		notAllowed(w, r, http.MethodGet, http.MethodHead, http.MethodDelete)
	}
}

func (h *handler) getBlob(w http.ResponseWriter, r *http.Request, repo string, d digest) {
	content, size, err := h.store.Blob(r.Context(), repo, d.String())
	if err != nil {
		refuse(w, r, err, "BLOB_UNKNOWN")
		return
	}
	defer content.Close()
	w.Header().Set("Docker-Content-Digest", d.String())
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Accept-Ranges", "bytes")
	if r.Header.Get("Range") != "" {
		h.getRange(w, r, d)
		return
	}
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	if r.Method == http.MethodHead {
		return
	}
	if _, err := io.Copy(w, content); err != nil {
		panic(http.ErrAbortHandler) // a part, or wrong bytes, must not look like a whole answer
	}
}

// getRange serves a part (RFC 9110, 14). A part cannot be verified by itself, so
// the whole blob is read first.
func (h *handler) getRange(w http.ResponseWriter, r *http.Request, d digest) {
	f, err := os.Open(h.store.path(d))
	if err != nil {
		refuse(w, r, err, "BLOB_UNKNOWN")
		return
	}
	defer f.Close()
	if r.Method == http.MethodGet {
		sum := d.hash()
		if _, err := io.Copy(sum, f); err != nil || !d.matches(sum) {
			refuse(w, r, errors.Join(fmt.Errorf("blob %s: %w", d, ErrCorrupt), err), "")
			return
		}
	}
	http.ServeContent(w, r, "", time.Time{}, f)
}

// deleteBlob takes a blob out of a repository. Its file stays, since other
// repositories may have it.
func (h *handler) deleteBlob(w http.ResponseWriter, r *http.Request, repo string, d digest) {
	linked, err := h.store.index.linked(r.Context(), repo, d.String())
	if err == nil && !linked {
		err = fmt.Errorf("blob %s in %s: %w", d, repo, ErrNotFound)
	}
	if err == nil {
		err = h.store.blobFree(r.Context(), repo, d)
	}
	if err == nil {
		err = h.store.index.unlink(r.Context(), repo, d.String())
	}
	if err != nil {
		refuse(w, r, err, "BLOB_UNKNOWN")
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// blobFree refuses to delete what a held manifest names.
func (s *Store) blobFree(ctx context.Context, repo string, d digest) error {
	manifests, err := s.index.users(ctx, repo, d.String())
	if err != nil {
		return err
	}
	for _, manifest := range manifests {
		if err := s.manifestFree(manifest); err != nil {
			return err
		}
	}
	return nil
}

// manifestFree refuses to delete a manifest that somebody needs.
func (s *Store) manifestFree(digest string) error {
	if holder, held := s.opts.Held(digest); held {
		return problemf(http.StatusConflict, "DENIED", "%s is needed by %s", digest, holder)
	}
	return nil
}
