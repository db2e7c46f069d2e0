package registry

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/davit-dev/davit/internal/registry/blob"
)

// blob answers under /blobs/.
func (h *handler) blob(w http.ResponseWriter, r *http.Request, repo, text string) {
	d, err := blob.ParseDigest(text)
	if err != nil {
		refuse(w, r, problemf(http.StatusBadRequest, "DIGEST_INVALID", "%v", err), "")
		return
	}
	switch r.Method {
	case http.MethodGet:
		err = h.getBlob(w, r, repo, d)
	case http.MethodHead:
		err = h.headBlob(w, r, repo, d)
	case http.MethodDelete:
		err = h.store.deleteBlob(r.Context(), repo, d)
		if err == nil {
			w.WriteHeader(http.StatusAccepted)
		}
	default:
		notAllowed(w, r, http.MethodGet, http.MethodHead, http.MethodDelete)
	}
	if err != nil {
		refuse(w, r, err, "BLOB_UNKNOWN")
	}
}

// describeBlob sets what is said of a blob beside its content.
func describeBlob(w http.ResponseWriter, d blob.Digest) {
	w.Header().Set("Docker-Content-Digest", d.String())
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Accept-Ranges", "bytes")
	w.Header().Set("ETag", `"`+d.String()+`"`)
}

// headBlob tells a client whether it can do without a push. When it can, the
// blob is kept for long enough for the manifest to come.
func (h *handler) headBlob(w http.ResponseWriter, r *http.Request, repo string, d blob.Digest) error {
	found, err := h.store.index.Find(r.Context(), repo, d.String(), h.store.opts.Now(), h.store.opts.Grace/renewals)
	if err == nil && !found {
		err = notIn(repo, d)
	}
	if err != nil {
		return err
	}
	f, size, err := h.store.blobs.File(d)
	if err != nil {
		return err
	}
	f.Close()
	describeBlob(w, d)
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	return nil
}

func (h *handler) getBlob(w http.ResponseWriter, r *http.Request, repo string, d blob.Digest) error {
	if r.Header.Get("Range") != "" {
		return h.getRange(w, r, repo, d)
	}
	content, size, err := h.store.Blob(r.Context(), repo, d.String())
	if err != nil {
		return err
	}
	defer content.Close()
	describeBlob(w, d)
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	if _, err := io.Copy(w, content); err != nil {
		panic(http.ErrAbortHandler) // a part, or wrong bytes, must not look like a whole answer
	}
	return nil
}

// getRange serves a part (RFC 9110, 14). Reading the whole blob to verify a part
// of it would make the second half of a pull as dear as all of it; who asks for
// parts puts them together and checks the whole.
func (h *handler) getRange(w http.ResponseWriter, r *http.Request, repo string, d blob.Digest) error {
	if err := h.store.has(r.Context(), repo, d); err != nil {
		return err
	}
	f, _, err := h.store.blobs.File(d)
	if err != nil {
		return err
	}
	defer f.Close()
	describeBlob(w, d)
	http.ServeContent(w, r, "", time.Time{}, f)
	return nil
}

// deleteBlob takes a blob out of a repository. Its file stays until it is
// collected, since other repositories may have it.
func (s *Store) deleteBlob(ctx context.Context, repo string, d blob.Digest) error {
	if err := s.has(ctx, repo, d); err != nil {
		return err
	}
	if err := s.free(ctx, repo, d); err != nil {
		return err
	}
	return s.index.Unlink(ctx, repo, d.String())
}

// free refuses to delete what a held manifest needs.
func (s *Store) free(ctx context.Context, repo string, d blob.Digest) error {
	manifests, err := s.index.Users(ctx, repo, d.String())
	if err != nil {
		return err
	}
	for _, manifest := range append(manifests, d.String()) {
		if holder, held := s.opts.Held(manifest); held {
			return problemf(http.StatusConflict, "DENIED", "%s is needed by %s", manifest, holder)
		}
	}
	return nil
}
