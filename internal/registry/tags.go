package registry

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// tags answers /tags/list, in pages where n is asked for (OCI distribution-spec
// 1.1, "Listing Tags").
func (h *handler) tags(w http.ResponseWriter, r *http.Request, repo, rest string) {
	if rest != "" || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
		notAllowed(w, r, http.MethodGet, http.MethodHead)
		return
	}
	known, err := h.store.index.known(r.Context(), repo)
	if err != nil || !known {
		if err == nil {
			err = fmt.Errorf("repository %s: %w", repo, ErrNotFound)
		}
		refuse(w, r, err, "NAME_UNKNOWN")
		return
	}
	n := -1
	if text := r.FormValue("n"); text != "" {
		if n, err = strconv.Atoi(text); err != nil || n < 0 {
			refuse(w, r, problemf(http.StatusBadRequest, "UNSUPPORTED", "n is %q, not a number of tags", text), "")
			return
		}
	}
	tags, err := h.store.index.tags(r.Context(), repo, r.FormValue("last"), n)
	if err != nil {
		refuse(w, r, err, "")
		return
	}
	if n > 0 && len(tags) == n {
		next := url.Values{"n": {strconv.Itoa(n)}, "last": {tags[n-1]}}
		w.Header().Set("Link", fmt.Sprintf(`</v2/%s/tags/list?%s>; rel="next"`, repo, next.Encode()))
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"name": repo, "tags": tags}) // the asker is gone otherwise
}
