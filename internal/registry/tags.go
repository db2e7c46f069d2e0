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
	known, err := h.store.index.Known(r.Context(), repo)
	if err != nil || !known {
		if err == nil {
			err = fmt.Errorf("repository %s: %w", repo, ErrNotFound)
		}
		refuse(w, r, err, "NAME_UNKNOWN")
		return
	}
	n, err := pageSize(r)
	if err != nil {
		refuse(w, r, err, "")
		return
	}
	limit := n
	if n > 0 {
		limit++ // to know whether there is another page
	}
	tags, err := h.store.index.Tags(r.Context(), repo, r.FormValue("last"), limit)
	if err != nil {
		refuse(w, r, err, "")
		return
	}
	if n > 0 && len(tags) > n {
		tags = tags[:n]
		next := url.Values{"n": {strconv.Itoa(n)}, "last": {tags[n-1]}}
		w.Header().Set("Link", fmt.Sprintf(`</v2/%s/tags/list?%s>; rel="next"`, repo, next.Encode()))
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"name": repo, "tags": tags}) // the asker is gone otherwise
}

// maxPage bounds the tags of one page.
const maxPage = 10_000

// pageSize is how many tags are asked for; all when it is negative.
func pageSize(r *http.Request) (int, error) {
	text := r.FormValue("n")
	if text == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, problemf(http.StatusBadRequest, "UNSUPPORTED", "n is %q, not a number of tags", text)
	}
	return min(n, maxPage), nil
}
