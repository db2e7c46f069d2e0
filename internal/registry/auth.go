package registry

import (
	"crypto/subtle"
	"net/http"
)

// Auth says who may write.
type Auth struct {
	Password string // with any user name
}

// challenge is what clients are asked for.
const challenge = `Basic realm="davit"`

// guard asks for the password where something would change. The challenge also
// stands on the answer to /v2/, where containers/image (skopeo, podman) looks for
// it; credentials that are wrong are told so there, as a login expects.
func (a Auth) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, given := r.BasicAuth()
		right := given && a.Password != "" && subtle.ConstantTimeCompare([]byte(password), []byte(a.Password)) == 1
		reading := r.Method == http.MethodGet || r.Method == http.MethodHead
		ping := r.URL.Path == "/v2/" || r.URL.Path == "/v2"
		if ping {
			w.Header().Set("WWW-Authenticate", challenge)
		}
		anonymous := !given || (user == "" && password == "")
		if right || (reading && (!ping || anonymous)) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", challenge)
		refuse(w, r, problemf(http.StatusUnauthorized, "UNAUTHORIZED", "writing needs the registry's password"), "")
	})
}
