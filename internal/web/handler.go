// Package web is the page: it answers "what is live, what is going out, is it
// worse, who did that" at one look. It renders on the server and sends itself anew
// as events while something changes. On this machine it has no way to change
// anything; those who log in from another one can do what their token may.
package web

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/api"
)

// Source is what the page shows.
type Source interface {
	Status(ctx context.Context) (api.Status, error)
	// Changed is closed with the next change of any app.
	Changed() <-chan struct{}
}

// Journal is the memory of what was done.
type Journal interface {
	// Recent returns the last n entries, the newest first.
	Recent(ctx context.Context, n int) ([]api.Entry, error)
}

//go:embed static *.html
var files embed.FS

// The rhythm of the page: the least time between two events, and how old what
// is seen can be when nothing was reported to change (the edge's counters).
const (
	eventPause = 250 * time.Millisecond
	refresh    = time.Second
)

// journalShown is how many entries the page shows.
const journalShown = 40

// policy lets the page load its own files and nothing else; forms go where it says.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; form-action "

type page struct {
	source   Source
	journal  Journal
	template *template.Template
}

func newPage(source Source, journal Journal) *page {
	return &page{
		source: source, journal: journal,
		template: template.Must(template.New("page.html").Funcs(words).ParseFS(files, "*.html")),
	}
}

// Handler answers the page, its files and its events, to everybody.
func Handler(source Source, journal Journal) http.Handler {
	p := newPage(source, journal)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.whole)
	mux.HandleFunc("GET /events", p.events)
	mux.Handle("GET /static/", p.static())
	return secured("'none'", mux)
}

func (p *page) static() http.Handler {
	static, err := fs.Sub(files, "static")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return http.StripPrefix("/static/", http.FileServerFS(static))
}

func secured(forms string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy+forms)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

func (p *page) whole(w http.ResponseWriter, r *http.Request) {
	html, err := p.render(r.Context(), "page.html")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(html) // the reader is gone when this fails
}

// events sends the body of the page whenever it looks different (Server-Sent
// Events, WHATWG HTML section 9.2).
func (p *page) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	var last []byte
	for {
		changed := p.source.Changed()
		html, err := p.render(r.Context(), "body")
		if err != nil {
			return // the browser asks again by itself
		}
		if !bytes.Equal(html, last) {
			writeEvent(w, html)
			last = html
		}
		if !p.pause(r.Context(), changed) {
			return
		}
		if v := visitorOf(r.Context()); v != nil && !v.stays() {
			return
		}
	}
}

func writeEvent(w http.ResponseWriter, html []byte) {
	for line := range strings.Lines(string(html)) {
		fmt.Fprintf(w, "data: %s\n", strings.TrimRight(line, "\r\n"))
	}
	fmt.Fprint(w, "\n")
	_ = http.NewResponseController(w).Flush() // what cannot be flushed arrives later
}

// pause waits for the next event's time; false means that the reader is gone.
func (p *page) pause(ctx context.Context, changed <-chan struct{}) bool {
	select {
	case <-changed:
	case <-time.After(refresh):
		return true
	case <-ctx.Done():
		return false
	}
	select {
	case <-time.After(eventPause):
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *page) render(ctx context.Context, name string) ([]byte, error) {
	v := visitorOf(ctx)
	status, err := p.source.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at the platform: %w", err)
	}
	entries, err := p.journal.Recent(ctx, journalShown)
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	if v != nil {
		status = status.For(v.Caller)
		entries = slices.DeleteFunc(entries, func(e api.Entry) bool { return len(v.Apps) > 0 && !v.Covers(e.App) })
	}
	var html bytes.Buffer
	if err := p.template.ExecuteTemplate(&html, name, newView(status, entries, v)); err != nil {
		return nil, fmt.Errorf("render the page: %w", err)
	}
	return html.Bytes(), nil
}
