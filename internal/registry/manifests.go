package registry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/registry/blob"
	"github.com/davit-dev/davit/internal/registry/index"
)

// maxManifest bounds a manifest (OCI distribution-spec 1.1 asks for 4 MiB).
const maxManifest = 4 << 20

// The manifests that are understood.
const (
	typeImage       = "application/vnd.oci.image.manifest.v1+json"
	typeIndex       = "application/vnd.oci.image.index.v1+json"
	typeDockerImage = "application/vnd.docker.distribution.manifest.v2+json"
	typeDockerList  = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// descriptor is a reference to content (OCI image-spec 1.1, descriptor.md).
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	URLs         []string          `json:"urls,omitempty"`
	Platform     *platform         `json:"platform,omitempty"`
	Data         []byte            `json:"data,omitempty"`
}

type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
}

// document is any of the manifests.
type document struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType,omitempty"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        *descriptor       `json:"config,omitempty"`
	Layers        []descriptor      `json:"layers,omitempty"`
	Manifests     []descriptor      `json:"manifests,omitempty"`
	Subject       *descriptor       `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// decodeManifest reads a manifest and settles its media type, which the header
// and the document must agree on.
func decodeManifest(data []byte, contentType string) (document, string, error) {
	var doc document
	if err := json.Unmarshal(data, &doc); err != nil {
		return doc, "", problemf(http.StatusBadRequest, "MANIFEST_INVALID", "the manifest is not JSON: %v", err)
	}
	mediaType, _, _ := strings.Cut(contentType, ";")
	if mediaType = strings.TrimSpace(mediaType); mediaType == "" {
		mediaType = doc.MediaType
	}
	if doc.MediaType != "" && doc.MediaType != mediaType {
		return doc, "", problemf(http.StatusBadRequest, "MANIFEST_INVALID",
			"the manifest says it is %q, the request says %q", doc.MediaType, mediaType)
	}
	switch mediaType {
	case typeImage, typeIndex, typeDockerImage, typeDockerList:
	default:
		return doc, "", problemf(http.StatusBadRequest, "MANIFEST_INVALID", "manifests of type %q are not known", mediaType)
	}
	for _, d := range doc.all() {
		if _, err := blob.ParseDigest(d.Digest); err != nil {
			return doc, "", problemf(http.StatusBadRequest, "MANIFEST_INVALID", "%v", err)
		}
	}
	return doc, mediaType, nil
}

// all lists what a manifest names, its subject included.
func (d document) all() []descriptor {
	all := append(append([]descriptor{}, d.Layers...), d.Manifests...)
	if d.Config != nil {
		all = append(all, *d.Config)
	}
	if d.Subject != nil {
		all = append(all, *d.Subject)
	}
	return all
}

// kind is the artifact type by which referrers are filtered (OCI
// distribution-spec 1.1, "Listing Referrers").
func (d document) kind() string {
	if d.ArtifactType == "" && d.Config != nil {
		return d.Config.MediaType
	}
	return d.ArtifactType
}

// foreign says whether a layer lies somewhere else and need not be here.
func foreign(d descriptor) bool {
	return len(d.URLs) > 0 || strings.Contains(d.MediaType, "nondistributable") || strings.Contains(d.MediaType, ".foreign.")
}

// manifest answers under /manifests/.
func (h *handler) manifest(w http.ResponseWriter, r *http.Request, repo, reference string) {
	_, digestErr := blob.ParseDigest(reference)
	if digestErr != nil && !tagForm.MatchString(reference) {
		code := "TAG_INVALID"
		if strings.Contains(reference, ":") {
			code = "DIGEST_INVALID"
		}
		refuse(w, r, problemf(http.StatusBadRequest, code, "%q is neither a tag nor a digest", reference), "")
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		h.getManifest(w, r, repo, reference)
	case http.MethodPut:
		h.putManifest(w, r, repo, reference)
	case http.MethodDelete:
		h.deleteManifest(w, r, repo, reference)
	default:
		notAllowed(w, r, http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete)
	}
}

func (h *handler) getManifest(w http.ResponseWriter, r *http.Request, repo, reference string) {
	m, err := h.store.Manifest(r.Context(), repo, reference)
	if err != nil {
		refuse(w, r, err, "MANIFEST_UNKNOWN")
		return
	}
	w.Header().Set("Content-Type", m.MediaType)
	w.Header().Set("Docker-Content-Digest", m.Digest)
	w.Header().Set("Content-Length", strconv.Itoa(len(m.Bytes)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(m.Bytes) // the asker is gone when this fails
	}
}

func (h *handler) putManifest(w http.ResponseWriter, r *http.Request, repo, reference string) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxManifest))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		err = problemf(http.StatusRequestEntityTooLarge, "SIZE_INVALID", "a manifest has at most %d bytes", maxManifest)
	}
	if err != nil {
		refuse(w, r, err, "")
		return
	}
	push := push{repo: repo, reference: reference, tags: r.URL.Query()["tag"], data: data, contentType: r.Header.Get("Content-Type")}
	stored, doc, err := h.store.putManifest(r.Context(), push)
	if err != nil {
		refuse(w, r, err, "MANIFEST_UNKNOWN")
		return
	}
	for _, tag := range push.tags {
		w.Header().Add("OCI-Tag", tag)
	}
	if doc.Subject != nil {
		w.Header().Set("OCI-Subject", doc.Subject.Digest)
	}
	w.Header().Set("Location", "/v2/"+repo+"/manifests/"+stored.String())
	w.Header().Set("Docker-Content-Digest", stored.String())
	w.WriteHeader(http.StatusCreated)
}

// push is a manifest as it comes in.
type push struct {
	repo        string
	reference   string   // tag or digest
	tags        []string // more of them, beside a digest
	data        []byte
	contentType string
}

// maxTags bounds the tags of one push.
const maxTags = 64

// names settles under which digest and which tags a manifest is stored.
func (p push) names() (d blob.Digest, tags []string, err error) {
	wanted, err := blob.ParseDigest(p.reference)
	if err != nil {
		if len(p.tags) > 0 {
			return d, nil, problemf(http.StatusBadRequest, "TAG_INVALID", "further tags belong to a push by digest")
		}
		return blob.SHA256(p.data), []string{p.reference}, nil
	}
	if d = wanted.Of(p.data); d != wanted {
		return d, nil, problemf(http.StatusBadRequest, "DIGEST_INVALID", "the manifest's digest is %s, not %s", d, wanted)
	}
	if len(p.tags) > maxTags {
		return d, nil, problemf(http.StatusRequestURITooLong, "TAG_INVALID", "at most %d tags are set at once", maxTags)
	}
	for _, tag := range p.tags {
		if !tagForm.MatchString(tag) {
			return d, nil, problemf(http.StatusBadRequest, "TAG_INVALID", "%q is not a tag", tag)
		}
	}
	return d, p.tags, nil
}

// putManifest stores a manifest whose parts are all here.
func (s *Store) putManifest(ctx context.Context, p push) (blob.Digest, document, error) {
	doc, mediaType, err := decodeManifest(p.data, p.contentType)
	if err != nil {
		return blob.Digest{}, doc, err
	}
	d, tags, err := p.names()
	if err != nil {
		return d, doc, err
	}
	ctx = context.WithoutCancel(ctx)
	return d, doc, s.blobs.Put(p.data, d, func() error {
		return s.index.Put(ctx, p.repo, tags, recordOf(d, mediaType, int64(len(p.data)), doc))
	})
}

func recordOf(d blob.Digest, mediaType string, size int64, doc document) index.Manifest {
	annotations, err := json.Marshal(doc.Annotations)
	if err != nil {
		annotations = []byte("null") // a map of strings can always be encoded
	}
	m := index.Manifest{
		Digest: d.String(), MediaType: mediaType, Size: size,
		ArtifactType: doc.kind(), Annotations: string(annotations),
	}
	if doc.Config != nil {
		m.Blobs = append(m.Blobs, doc.Config.Digest)
	}
	for _, layer := range doc.Layers {
		if foreign(layer) {
			m.Elsewhere = append(m.Elsewhere, layer.Digest)
		} else {
			m.Blobs = append(m.Blobs, layer.Digest)
		}
	}
	for _, child := range doc.Manifests {
		m.Children = append(m.Children, child.Digest)
	}
	if doc.Subject != nil {
		m.Subject = doc.Subject.Digest
		m.Elsewhere = append(m.Elsewhere, doc.Subject.Digest)
	}
	return m
}

func (h *handler) deleteManifest(w http.ResponseWriter, r *http.Request, repo, reference string) {
	if err := h.store.deleteManifest(r.Context(), repo, reference); err != nil {
		refuse(w, r, err, "MANIFEST_UNKNOWN")
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// deleteManifest deletes a manifest by digest, or a tag alone.
func (s *Store) deleteManifest(ctx context.Context, repo, reference string) error {
	found, err := s.record(ctx, repo, reference)
	if err != nil {
		return err
	}
	if found.Digest != reference {
		if strings.HasPrefix(reference, index.ImmutablePrefix) {
			return problemf(http.StatusConflict, "DENIED", "tag %s stays for good", reference)
		}
		return s.index.Untag(ctx, repo, reference)
	}
	d, err := blob.ParseDigest(reference)
	if err != nil {
		return err
	}
	if err := s.free(ctx, repo, d); err != nil {
		return err // it may also be a part of an index, or the subject, of what is held
	}
	return s.index.Remove(ctx, repo, reference, s.opts.Now())
}
