package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/registry/blob"
)

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
	u, err := h.store.blobs.Resume(repo, id)
	if err != nil {
		refuse(w, r, err, "BLOB_UPLOAD_UNKNOWN")
		return
	}
	u.Lock()
	defer u.Unlock()
	switch r.Method {
	case http.MethodGet:
		h.accepted(w, repo, u, http.StatusNoContent)
	case http.MethodPatch:
		h.patchUpload(w, r, repo, u)
	case http.MethodPut:
		h.putUpload(w, r, repo, u)
	case http.MethodDelete:
		h.store.blobs.Drop(u)
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
	var d blob.Digest
	var err error
	if query.Has("digest") {
		if d, err = blob.ParseDigest(query.Get("digest")); err != nil {
			refuse(w, r, problemf(http.StatusBadRequest, "DIGEST_INVALID", "%v", err), "")
			return
		}
	}
	u, err := h.store.blobs.Begin(repo, d)
	if err != nil {
		refuse(w, r, err, "")
		return
	}
	defer u.Unlock()
	if query.Has("digest") {
		defer h.store.blobs.Drop(u) // the client does not know it and cannot go on
		h.putUpload(w, r, repo, u)
		return
	}
	h.accepted(w, repo, u, http.StatusAccepted)
}

// mount links a blob that another repository has. Where there is none, the
// upload goes on as usual.
func (h *handler) mount(w http.ResponseWriter, r *http.Request, repo, text, from string) (bool, error) {
	d, err := blob.ParseDigest(text)
	if err != nil {
		return false, problemf(http.StatusBadRequest, "DIGEST_INVALID", "%v", err)
	}
	there, err := h.store.index.Mount(r.Context(), repo, from, d.String(), h.store.opts.Now())
	if there && err == nil {
		h.created(w, repo, d)
	}
	return there, err
}

func (h *handler) created(w http.ResponseWriter, repo string, d blob.Digest) {
	w.Header().Set("Location", "/v2/"+repo+"/blobs/"+d.String())
	w.Header().Set("Docker-Content-Digest", d.String())
	w.WriteHeader(http.StatusCreated)
}

// accepted says where an upload stands.
func (h *handler) accepted(w http.ResponseWriter, repo string, u *blob.Upload, status int) {
	h.place(w, repo, u)
	w.WriteHeader(status)
}

func (h *handler) place(w http.ResponseWriter, repo string, u *blob.Upload) {
	w.Header().Set("Location", "/v2/"+repo+"/blobs/uploads/"+u.ID())
	w.Header().Set("Docker-Upload-UUID", u.ID())
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, u.Size()-1)))
}

func (h *handler) patchUpload(w http.ResponseWriter, r *http.Request, repo string, u *blob.Upload) {
	err := h.fits(r, u)
	if err == nil {
		err = u.Append(bodyOf(w, r))
	}
	if err != nil {
		h.refuseUpload(w, r, repo, u, err)
		return
	}
	h.accepted(w, repo, u, http.StatusAccepted)
}

func (h *handler) putUpload(w http.ResponseWriter, r *http.Request, repo string, u *blob.Upload) {
	d, err := blob.ParseDigest(r.URL.Query().Get("digest"))
	if err != nil {
		refuse(w, r, problemf(http.StatusBadRequest, "DIGEST_INVALID", "%v", err), "")
		return
	}
	err = h.fits(r, u)
	if err == nil {
		err = u.Append(bodyOf(w, r))
	}
	if err == nil {
		err = h.store.finish(r.Context(), repo, u, d)
	}
	if err != nil {
		h.refuseUpload(w, r, repo, u, err)
		return
	}
	h.created(w, repo, d)
}

// finish makes an upload a blob of the repository. It is finished also when the
// client has gone meanwhile, so that the next one finds it.
func (s *Store) finish(ctx context.Context, repo string, u *blob.Upload, d blob.Digest) error {
	ctx = context.WithoutCancel(ctx)
	return s.blobs.Finish(u, d, func() error { return s.index.Link(ctx, repo, d.String(), s.opts.Now()) })
}

// refuseUpload answers with an error and where the upload stands. What cannot be
// finished is dropped, since it only fills the disk.
func (h *handler) refuseUpload(w http.ResponseWriter, r *http.Request, repo string, u *blob.Upload, err error) {
	if full(err) || errors.Is(err, blob.ErrTooLarge) {
		h.store.blobs.Drop(u)
	}
	h.place(w, repo, u)
	refuse(w, r, err, "BLOB_UPLOAD_UNKNOWN")
}

// fits refuses a chunk that does not begin where the upload stands, and one that
// is known to be too large before it comes.
func (h *handler) fits(r *http.Request, u *blob.Upload) error {
	if limit := h.store.opts.MaxBlob; r.ContentLength > limit-u.Size() {
		return fmt.Errorf("%w: at most %d bytes are taken", blob.ErrTooLarge, limit)
	}
	text := r.Header.Get("Content-Range")
	if text == "" {
		return nil
	}
	start, end, err := parseContentRange(text)
	if err != nil {
		return problemf(http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "%v", err)
	}
	if start != u.Size() || (r.ContentLength >= 0 && end-start+1 != r.ContentLength) {
		return problemf(http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID",
			"the chunk %s does not go on at byte %d", text, u.Size())
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
