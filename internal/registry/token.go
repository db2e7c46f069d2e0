package registry

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// tokenPath is where tokens come from.
const tokenPath = "/v2/token"

// tokenLife is how long a token is good. Clients fetch another when it is over.
const tokenLife = 5 * time.Minute

// caller is what somebody may do.
type caller string

const (
	nobody caller = ""      // has shown nothing
	reader caller = "read"  // has a token, as everybody gets one
	owner  caller = "write" // knows the password
)

// tokenKey signs tokens. It comes from the password, so that tokens outlive the
// process and end with the password; there is none without one.
type tokenKey []byte

func newTokenKey(password string) tokenKey {
	if password == "" {
		return nil
	}
	key, err := hkdf.Key(sha256.New, []byte(password), nil, "davit registry token", sha256.Size)
	if err != nil {
		return nil // it is not longer than HKDF can make
	}
	return key
}

// seal makes a token: who, until when, and the signature over both.
func (k tokenKey) seal(who caller, until time.Time) string {
	text := string(who) + "." + strconv.FormatInt(until.Unix(), 10)
	return text + "." + k.sign(text)
}

func (k tokenKey) sign(text string) string {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// open says whose token it is.
func (k tokenKey) open(token string, now time.Time) caller {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nobody
	}
	if len(k) == 0 {
		return reader // nobody can write anyway
	}
	if !hmac.Equal([]byte(parts[2]), []byte(k.sign(parts[0]+"."+parts[1]))) {
		return nobody
	}
	until, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || now.Unix() >= until {
		return nobody
	}
	return caller(parts[0])
}

// serveToken gives a token to everybody: with the password one that writes, with
// nothing one that reads. Other credentials are wrong, as a login wants to know.
func (a Auth) serveToken(w http.ResponseWriter, r *http.Request, key tokenKey) {
	if r.Method != http.MethodGet {
		notAllowed(w, r, http.MethodGet) // clients that try OAuth 2 with POST then use GET
		return
	}
	user, password, given := r.BasicAuth()
	who := reader
	switch {
	case a.right(password):
		who = owner
	case given && user+password != "":
		w.Header().Set("WWW-Authenticate", `Basic realm="davit"`)
		refuse(w, r, problemf(http.StatusUnauthorized, "UNAUTHORIZED", "this is not the registry's password"), "")
		return
	}
	now := time.Now()
	token := key.seal(who, now.Add(tokenLife))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{ // the asker is gone otherwise
		"token": token, "access_token": token,
		"expires_in": int(tokenLife / time.Second), "issued_at": now.UTC().Format(time.RFC3339),
	})
}
