package registry

import (
	"encoding/json"
	"net/http"

	"github.com/davit-dev/davit/internal/registry/blob"
)

// referrers answers under /referrers/: an index of the manifests whose subject
// is a digest (OCI distribution-spec 1.1, "Listing Referrers").
func (h *handler) referrers(w http.ResponseWriter, r *http.Request, repo, text string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		notAllowed(w, r, http.MethodGet, http.MethodHead)
		return
	}
	d, err := blob.ParseDigest(text)
	if err != nil {
		refuse(w, r, problemf(http.StatusBadRequest, "DIGEST_INVALID", "%v", err), "")
		return
	}
	records, err := h.store.index.Referrers(r.Context(), repo, d.String())
	if err != nil {
		refuse(w, r, err, "")
		return
	}
	filter := r.FormValue("artifactType")
	list := struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Manifests     []descriptor `json:"manifests"`
	}{2, typeIndex, []descriptor{}}
	for _, found := range records {
		if filter != "" && found.ArtifactType != filter {
			continue
		}
		entry := descriptor{
			MediaType: found.MediaType, Digest: found.Digest, Size: found.Size, ArtifactType: found.ArtifactType,
		}
		_ = json.Unmarshal([]byte(found.Annotations), &entry.Annotations) // written by recordOf
		list.Manifests = append(list.Manifests, entry)
	}
	if filter != "" {
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	w.Header().Set("Content-Type", typeIndex)
	_ = json.NewEncoder(w).Encode(list) // the asker is gone otherwise
}
