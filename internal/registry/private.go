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

// Guest is somebody whose password is right.
type Guest interface {
	// Permit says why the guest may not do something with a repository, nil if they
	// may.
	Permit(act Act, repository string) error
	// Answer lets next answer a request, for as long as the guest is welcome.
	Answer(w http.ResponseWriter, r *http.Request, next http.Handler)
}

// Private answers under /v2/ to those alone whose password enter knows, and as far
// as their permit goes. It asks for the password by itself (RFC 7617), without a
// token in between: nobody gets anything without one.
func Private(store *Store, enter func(r *http.Request, password string) (Guest, error)) http.Handler {
	next := &handler{store: store}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		_, password, given := r.BasicAuth()
		if !given {
			unauthorized(w, r, "this registry wants a token as the password, with any user")
			return
		}
		guest, err := enter(r, password)
		if err != nil {
			unauthorized(w, r, err.Error())
			return
		}
		if err := permitted(r, guest); err != nil {
			refuse(w, r, problemf(http.StatusForbidden, "DENIED", "%s", err), "")
			return
		}
		guest.Answer(w, placed(r), next)
	})
}

func unauthorized(w http.ResponseWriter, r *http.Request, why string) {
	w.Header().Set("WWW-Authenticate", `Basic realm="davit"`)
	refuse(w, r, problemf(http.StatusUnauthorized, "UNAUTHORIZED", "%s", why), "")
}

// permitted asks for every repository that a request names: its own, and the one
// that it wants a blob from.
func permitted(r *http.Request, guest Guest) error {
	path, under := strings.CutPrefix(r.URL.Path, "/v2/")
	if !under || path == "" {
		return nil // who is asked is known, and that is what was asked
	}
	mark, repo, _ := split(path)
	if err := guest.Permit(actOf(r.Method, mark), repo); err != nil {
		return err
	}
	if from := r.URL.Query().Get("from"); from != "" {
		return guest.Permit(Pull, from)
	}
	return nil
}

// placed leaves the mount out of a request that does not say where from: any
// repository would do, also one that the guest may not pull from. The client then
// uploads the blob, as one does whose mount finds nothing (OCI distribution-spec
// 1.1, "Mounting a blob from another repository").
func placed(r *http.Request) *http.Request {
	query := r.URL.Query()
	if !query.Has("mount") || query.Get("from") != "" {
		return r
	}
	query.Del("mount")
	changed := *r
	at := *r.URL
	at.RawQuery = query.Encode()
	changed.URL = &at
	return &changed
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
