package registry

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Auth says who may write.
type Auth struct {
	Password string // with any user name
}

// guard lets everybody read, and asks for the password where something would
// change. It may come by itself (basic), or be exchanged for a token first.
//
// Clients of docker's family decide by the answer to /v2/ how they will show who
// they are, and show nothing later when there was no challenge; a challenge for
// the password itself keeps those out that have none and only want to pull. A
// token is the form in which all of them do both: everybody gets one.
func (a Auth) guard(next http.Handler) http.Handler {
	keys := newTokenKey(a.Password)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == tokenPath {
			a.serveToken(w, r, keys)
			return
		}
		who := a.caller(r, keys)
		ping := r.URL.Path == "/v2/" || r.URL.Path == "/v2"
		reading := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch {
		case who == owner,
			reading && !ping,
			reading && who == reader:
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("WWW-Authenticate", challenge(r))
			refuse(w, r, problemf(http.StatusUnauthorized, "UNAUTHORIZED", "writing needs the registry's password"), "")
		}
	})
}

// right says whether somebody knows the password. Where there is none, nobody
// does.
func (a Auth) right(password string) bool {
	return a.Password != "" && subtle.ConstantTimeCompare([]byte(password), []byte(a.Password)) == 1
}

// caller is who makes a request.
func (a Auth) caller(r *http.Request, key tokenKey) caller {
	if _, password, given := r.BasicAuth(); given && a.right(password) {
		return owner
	}
	if token, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); given {
		return key.open(token, time.Now())
	}
	return nobody
}

// challenge tells a client where tokens come from, and for what it wants one
// (distribution, "Token Authentication Specification").
func challenge(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	text := fmt.Sprintf(`Bearer realm="%s://%s%s",service="davit"`, scheme, r.Host, tokenPath)
	if path, under := strings.CutPrefix(r.URL.Path, "/v2/"); under {
		for _, mark := range []string{"/blobs/", "/manifests/"} {
			if repo, _, found := strings.Cut(path, mark); found && validRepository(repo) {
				return text + fmt.Sprintf(`,scope="repository:%s:pull,push"`, repo)
			}
		}
	}
	return text
}
