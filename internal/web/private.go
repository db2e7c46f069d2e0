package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/access"
	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/release"
)

// Steerer does what the buttons of the page say.
type Steerer interface {
	Steer(ctx context.Context, verb api.Verb, target, actor string) (release.Summary, error)
}

// questions are what can be done from the page, and what is asked before it is.
var questions = map[api.Verb]string{
	api.Approve:  "Let %s go on?",
	api.Abort:    "Take %s back?",
	api.Hold:     "Keep %s where it is?",
	api.Resume:   "Let %s go on with the step at which it is?",
	api.Rollback: "Go back to the version of %s that was live before?",
	api.Unblock:  "Lift the block of the plans of %s that were rolled back?",
}

// private is the page for other machines: who wants to see it shows a token first,
// and what the token's role may do can be done from it.
type private struct {
	*page
	sessions *sessions
	steerer  Steerer
}

// Private answers the page to those who log in with a token, in TLS.
func Private(source Source, journal Journal, steerer Steerer, door *access.Door) http.Handler {
	p := &private{newPage(source, journal), &sessions{door: door, all: map[[sha256.Size]byte]*session{}}, steerer}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", p.static())
	mux.HandleFunc("GET /login", p.askToken)
	mux.HandleFunc("POST /login", p.login)
	mux.HandleFunc("POST /logout", p.form(p.logout))
	mux.HandleFunc("GET /{$}", p.known(p.whole))
	mux.HandleFunc("GET /events", p.known(p.events))
	mux.HandleFunc("GET /confirm", p.known(p.confirm))
	mux.HandleFunc("POST /act", p.form(p.act))
	return secured("'self'", http.NewCrossOriginProtection().Handler(mux))
}

// known lets those through who have logged in, for as long as that lasts.
func (p *private) known(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := p.sessions.find(r, time.Now())
		if v == nil {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		v.stays = func() bool { return p.sessions.find(r, time.Now()) != nil }
		p.sessions.door.Under(w, r.WithContext(withVisitor(r.Context(), v)), v.Token, next)
	}
}

// form lets through what was sent from a page of the visitor's session.
func (p *private) form(next http.HandlerFunc) http.HandlerFunc {
	return p.known(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<12)
		if !visitorOf(r.Context()).proved(r) {
			p.say(w, http.StatusForbidden, "This form is not of your session.", "Go back, load the page anew, and try again.")
			return
		}
		next(w, r)
	})
}

func (p *private) askToken(w http.ResponseWriter, _ *http.Request) {
	p.show(w, http.StatusOK, "login.html", nil)
}

func (p *private) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<12)
	t, err := p.sessions.door.Admit(r, strings.TrimSpace(r.PostFormValue("token")))
	if held, ok := errors.AsType[*access.HeldError](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(held.For.Seconds())+1))
		p.show(w, http.StatusTooManyRequests, "login.html", err.Error())
		return
	}
	if err != nil {
		p.show(w, http.StatusUnauthorized, "login.html", err.Error())
		return
	}
	p.sessions.end(r) // the one that the browser forgets now
	http.SetCookie(w, p.sessions.begin(t, time.Now()))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (p *private) logout(w http.ResponseWriter, r *http.Request) {
	p.sessions.end(r)
	http.SetCookie(w, cookie("", -1))
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// question is what is asked before something is done.
type question struct {
	Text, Verb, Target, Proof string
}

func (p *private) confirm(w http.ResponseWriter, r *http.Request) {
	verb, target := api.Verb(r.FormValue("verb")), r.FormValue("target")
	asked, ok := questions[verb]
	if !ok {
		p.say(w, http.StatusNotFound, fmt.Sprintf("There is nothing like %q to do.", verb), "")
		return
	}
	p.show(w, http.StatusOK, "confirm.html", question{
		Text: fmt.Sprintf(asked, target), Verb: string(verb), Target: target, Proof: visitorOf(r.Context()).Proof,
	})
}

func (p *private) act(w http.ResponseWriter, r *http.Request) {
	v, verb, target := visitorOf(r.Context()), api.Verb(r.PostFormValue("verb")), r.PostFormValue("target")
	if _, ok := questions[verb]; !ok {
		p.say(w, http.StatusNotFound, fmt.Sprintf("There is nothing like %q to do.", verb), "")
		return
	}
	app := target
	if verb.OfRelease() {
		app = target[:max(0, strings.LastIndexByte(target, '-'))]
	}
	err := v.Need(access.Deployer)
	if err == nil {
		err = v.NeedApp(app)
	}
	if err != nil {
		p.say(w, http.StatusForbidden, err.Error(), "")
		return
	}
	if _, err := p.steerer.Steer(r.Context(), verb, target, v.Name); err != nil {
		hint := ""
		if refused, ok := errors.AsType[*release.RefusalError](err); ok {
			hint = refused.Hint
		}
		p.say(w, http.StatusConflict, err.Error(), hint)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// message is an answer to what could not be done.
type message struct{ Text, Hint string }

func (p *private) say(w http.ResponseWriter, status int, text, hint string) {
	p.show(w, status, "message.html", message{text, hint})
}

func (p *private) show(w http.ResponseWriter, status int, name string, about any) {
	var html bytes.Buffer
	if err := p.template.ExecuteTemplate(&html, name, about); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(html.Bytes()) // the reader is gone when this fails
}
