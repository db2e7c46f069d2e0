package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"

	"github.com/davit-dev/davit/internal/access"
	"github.com/davit-dev/davit/internal/api"
)

const (
	// cookieName has the prefix with which browsers send a cookie to this very host,
	// and take it, in TLS only (RFC 6265bis, section 4.1.3.2).
	cookieName  = "__Host-davit"
	sessionLife = 12 * time.Hour
	sessionIdle = time.Hour
	// maxSessions is how many a token has at a time. One more ends the one that was
	// used longest ago, so that nobody can fill the memory or keep others out.
	maxSessions = 32
)

// session is somebody who showed a token once. It is as good as the token is.
type session struct {
	token       string // ID
	proof       string // that a form comes from a page of this session
	begun, used time.Time
}

// sessions are in memory: they end with the process. They are kept by the hash of
// what the browser has, so that looking one up tells nothing of it.
type sessions struct {
	door *access.Door

	mu  sync.Mutex
	all map[[sha256.Size]byte]*session
}

// begin returns the cookie of a new session.
func (s *sessions) begin(t access.Token, now time.Time) *http.Cookie {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom(t, now)
	shown := rand.Text()
	s.all[sha256.Sum256([]byte(shown))] = &session{token: t.ID, proof: rand.Text(), begun: now, used: now}
	return cookie(shown, int(sessionLife.Seconds()))
}

// makeRoom forgets what is over, and leaves room for another session of a token.
func (s *sessions) makeRoom(t access.Token, now time.Time) {
	var count int
	var oldest [sha256.Size]byte
	for key, one := range s.all {
		if _, known := s.door.Find(one.token); !known || one.over(now) {
			delete(s.all, key)
			continue
		}
		if one.token != t.ID {
			continue
		}
		if count == 0 || one.used.Before(s.all[oldest].used) {
			oldest = key
		}
		count++
	}
	if count >= maxSessions {
		delete(s.all, oldest)
	}
}

func cookie(value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: age,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

func (s *session) over(now time.Time) bool {
	return now.Sub(s.begun) >= sessionLife || now.Sub(s.used) >= sessionIdle
}

// visitor is who looks at the page.
type visitor struct {
	api.Caller

	Token access.Token
	Proof string      // goes along with every form
	stays func() bool // reports whether the session goes on
}

// find returns whose session a request belongs to, nil when it is nobody's.
func (s *sessions) find(r *http.Request, now time.Time) *visitor {
	shown, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	key := sha256.Sum256([]byte(shown.Value))
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.all[key]
	if one == nil {
		return nil
	}
	t, ok := s.door.Find(one.token)
	if !ok || t.Expired(now) || one.over(now) {
		delete(s.all, key)
		return nil
	}
	one.used = now
	return &visitor{Caller: api.HolderOf(t), Token: t, Proof: one.proof}
}

func (s *sessions) end(r *http.Request) {
	shown, err := r.Cookie(cookieName)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, sha256.Sum256([]byte(shown.Value)))
}

// proved reports whether a form was made for the visitor.
func (v *visitor) proved(r *http.Request) bool {
	return subtle.ConstantTimeCompare([]byte(r.PostFormValue("proof")), []byte(v.Proof)) == 1
}

// may reports whether the visitor's role is enough. Nobody may do anything from
// the page that asks for no token.
func (v *visitor) may(role access.Role) bool { return v != nil && v.Role.Includes(role) }

type visitorKey struct{}

func withVisitor(ctx context.Context, v *visitor) context.Context {
	return context.WithValue(ctx, visitorKey{}, v)
}

// visitorOf returns nil on the page that everybody on this machine may look at.
func visitorOf(ctx context.Context) *visitor {
	v, _ := ctx.Value(visitorKey{}).(*visitor)
	return v
}
