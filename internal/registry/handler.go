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

// ServeHTTP implements http.Handler. Repository names hold slashes, so the
// routes are told apart by what follows the name.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
	path, found := strings.CutPrefix(r.URL.Path, "/v2/")
	if !found || path == "" {
		w.WriteHeader(http.StatusOK)
		return
	}
	for _, route := range []struct { // /v2/REPO then mark then one last element
		mark  string
		serve func(w http.ResponseWriter, r *http.Request, repo, rest string)
	}{
		{"/blobs/uploads/", h.upload},
		{"/blobs/", h.blob},
		{"/manifests/", h.manifest},
		{"/tags/list", h.tags},
		{"/referrers/", h.referrers},
	} {
		at := strings.LastIndex(path, route.mark)
		if at < 0 || strings.Contains(path[at+len(route.mark):], "/") {
			continue // a repository's name may hold any of the words
		}
		repo, rest := path[:at], path[at+len(route.mark):]
		if !validRepository(repo) {
			refuse(w, r, problemf(http.StatusBadRequest, "NAME_INVALID", "%q is not a repository's name", repo), "")
			return
		}
		route.serve(w, r, repo, rest)
		return
	}
	refuse(w, r, problemf(http.StatusNotFound, "UNSUPPORTED", "there is nothing at %s", r.URL.Path), "")
}

func notAllowed(w http.ResponseWriter, r *http.Request, allowed ...string) {
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	refuse(w, r, problemf(http.StatusMethodNotAllowed, "UNSUPPORTED", "%s is not allowed here", r.Method), "")
}
