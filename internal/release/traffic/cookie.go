package traffic

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// sessionCookie is the edge's own: it is not passed on to versions.
const sessionCookie = "davit_session"

// The parts of a session's cookie, in bytes before base64url.
const (
	sessionID    = 16
	sessionBirth = 8
	sessionMAC   = 16
)

// session is a client with a cookie. It is told nothing about versions: which one
// it has follows from its id and the edge's key.
type session struct {
	id    [sessionID]byte
	birth [sessionBirth]byte // under which canary it was born
}

func newSession(birth [sessionBirth]byte) session {
	s := session{birth: birth}
	_, _ = rand.Read(s.id[:]) // it never fails
	return s
}

func (s session) name() string { return string(s.id[:]) }

// birth is the mark of sessions that are born under this canary.
func (s *Sessions) birth() [sessionBirth]byte {
	sum := s.key.sum(forBirth, s.app, s.canary)
	return [sessionBirth]byte(sum[:])
}

func (k key) mac(s session, app string) []byte {
	sum := k.sum(forSession, app, string(s.id[:]), string(s.birth[:]))
	return sum[:sessionMAC]
}

// sign returns the value of the session's cookie, which is good for one app.
func (k key) sign(s session, app string) string {
	value := append(append(s.id[:], s.birth[:]...), k.mac(s, app)...)
	return base64.RawURLEncoding.EncodeToString(value)
}

// session returns the session that a request proves to have. What somebody made
// up, changed, or was given for another app counts as nothing.
func (k key) session(in *http.Request, app string) (session, bool) {
	for _, c := range in.CookiesNamed(sessionCookie) {
		value, err := base64.RawURLEncoding.Strict().DecodeString(c.Value)
		if err != nil || len(value) != sessionID+sessionBirth+sessionMAC {
			continue
		}
		s := session{id: [sessionID]byte(value), birth: [sessionBirth]byte(value[sessionID:])}
		if hmac.Equal(value[sessionID+sessionBirth:], k.mac(s, app)) {
			return s, true
		}
	}
	return session{}, false
}

// setCookie hands a session's cookie to the client, until it closes its browser,
// and for the paths of its app: others at the same host have their own.
func setCookie(h http.Header, to claimed, secure bool) {
	c := http.Cookie{ //nolint:gosec // it is secure where the connection is
		Name: sessionCookie, Value: to.cookie, Path: cmp.Or(to.path, "/"), HttpOnly: true, Secure: secure,
		SameSite: http.SameSiteLaxMode,
	}
	h.Add("Set-Cookie", c.String())
}

// stripCookie takes the edge's cookie out of what a version gets, and leaves the
// others as they are.
func stripCookie(h http.Header) {
	lines, found := h["Cookie"]
	if !found {
		return
	}
	kept := slices.DeleteFunc(lines, func(line string) bool { return withoutSession(line) == "" })
	for i, line := range kept {
		kept[i] = withoutSession(line)
	}
	if h["Cookie"] = kept; len(kept) == 0 {
		h.Del("Cookie")
	}
}

func withoutSession(line string) string {
	if !strings.Contains(line, sessionCookie) {
		return line
	}
	pairs := slices.DeleteFunc(strings.Split(line, ";"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return strings.TrimSpace(name) == sessionCookie
	})
	return strings.TrimSpace(strings.Join(pairs, ";"))
}
