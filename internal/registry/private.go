package registry

import (
	"net/http"
	"strings"
)

// Act is what somebody wants of a repository.
type Act int

// The acts.
const (
	Pull Act = iota
	Push
	Delete
)

// Permit says why somebody may not do something with a repository, nil if they may.
type Permit func(act Act, repository string) error

// Private answers under /v2/ to those alone whose password enter knows, and as far
// as their permit goes. It asks for the password by itself (RFC 7617), without a
// token in between: nobody gets anything without one.
func Private(store *Store, enter func(r *http.Request, password string) (Permit, error)) http.Handler {
	next := &handler{store: store}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, given := r.BasicAuth()
		if !given {
			unauthorized(w, r, "this registry wants a token as the password, with any user")
			return
		}
		permit, err := enter(r, password)
		if err != nil {
			unauthorized(w, r, err.Error())
			return
		}
		if err := permitted(r, permit); err != nil {
			refuse(w, r, problemf(http.StatusForbidden, "DENIED", "%s", err), "")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func unauthorized(w http.ResponseWriter, r *http.Request, why string) {
	w.Header().Set("WWW-Authenticate", `Basic realm="davit"`)
	refuse(w, r, problemf(http.StatusUnauthorized, "UNAUTHORIZED", "%s", why), "")
}

// permitted asks for every repository that a request names: its own, and the one
// that it wants a blob from.
func permitted(r *http.Request, permit Permit) error {
	path, under := strings.CutPrefix(r.URL.Path, "/v2/")
	if !under || path == "" {
		return nil // who is asked is known, and that is what was asked
	}
	mark, repo, _ := split(path)
	if err := permit(actOf(r.Method, mark), repo); err != nil {
		return err
	}
	if from := r.URL.Query().Get("from"); from != "" {
		return permit(Pull, from)
	}
	return nil
}

func actOf(method, mark string) Act {
	switch method {
	case http.MethodGet, http.MethodHead:
		return Pull
	case http.MethodDelete:
		if mark == uploads { // a push that is given up
			return Push
		}
		return Delete
	default:
		return Push
	}
}
