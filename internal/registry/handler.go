package registry

import (
	"net/http"
	"strings"
)

// handler speaks the OCI distribution protocol 1.1 over a store.
type handler struct {
	store *Store
}

// Handler answers under /v2/. Reading is open; writing needs the password.
func Handler(store *Store, auth Auth) http.Handler {
	return auth.guard(&handler{store: store})
}

// ServeHTTP implements http.Handler. Repository names hold slashes, so what is
// wanted is told apart by what follows the name.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
	path, found := strings.CutPrefix(r.URL.Path, "/v2/")
	if !found || path == "" {
		w.WriteHeader(http.StatusOK)
		return
	}
	serve := map[string]func(w http.ResponseWriter, r *http.Request, repo, rest string){
		uploads: h.upload, blobs: h.blob, manifests: h.manifest, tagList: h.tags, referrersOf: h.referrers,
	}
	mark, repo, rest := split(path)
	switch {
	case mark == "":
		refuse(w, r, problemf(http.StatusNotFound, "UNSUPPORTED", "there is nothing at %s", r.URL.Path), "")
	case !validRepository(repo):
		refuse(w, r, problemf(http.StatusBadRequest, "NAME_INVALID", "%q is not a repository's name", repo), "")
	default:
		serve[mark](w, r, repo, rest)
	}
}

// What stands between a repository's name and one last element.
const (
	uploads     = "/blobs/uploads/"
	blobs       = "/blobs/"
	manifests   = "/manifests/"
	tagList     = "/tags/list"
	referrersOf = "/referrers/"
)

// split takes a path below /v2/ apart. Without a mark, repo is all of it.
func split(path string) (mark, repo, rest string) {
	for _, mark := range []string{uploads, blobs, manifests, tagList, referrersOf} {
		at := strings.LastIndex(path, mark)
		if at < 0 || strings.Contains(path[at+len(mark):], "/") {
			continue // a repository's name may hold any of the words
		}
		return mark, path[:at], path[at+len(mark):]
	}
	return "", path, ""
}

func notAllowed(w http.ResponseWriter, r *http.Request, allowed ...string) {
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	refuse(w, r, problemf(http.StatusMethodNotAllowed, "UNSUPPORTED", "%s is not allowed here", r.Method), "")
}
