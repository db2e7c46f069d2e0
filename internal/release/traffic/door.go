package traffic

import (
	"errors"
	"log"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"

	"github.com/davit-dev/davit/internal/release/traffic/framing"
)

// door is the http.Handler of one listener: it finds the app and hands the
// request to an exchange.
type door struct {
	listener Listener
	plain    bool // production without TLS
	limits   Limits
	router   *router
	buffers  *bufferPool
	errors   *log.Logger
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from := clientOf(r)
	from.mark(r)
	entry, raw := d.begin(r), w
	w = entry.over(w)
	defer d.end(entry)
	if reason, status, bad := d.unfit(raw, r); bad {
		d.router.refused[d.listener].add(reason)
		http.Error(w, strings.ToLower(http.StatusText(status)), status)
		return
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		// Other protocols, h2c above all, would be a tunnel past the edge's rules.
		// A server may ignore an offer to upgrade (RFC 9110 section 7.8).
		r.Header.Del("Upgrade")
		if d.router.retiring.Load() {
			w.Header().Set("Connection", "close")
		}
	}
	if !from.stays(r) {
		from.gaveUp(r, d.limits.Resets)
		panic(http.ErrAbortHandler)
	}
	host := hostname(r.Host)
	if d.plain && d.diverted(w, r, host) {
		return
	}
	c, err := d.router.claim(d.listener, host, r)
	if err != nil {
		d.refuse(w, err)
		return
	}
	entry.drawn(c)
	x := &exchange{door: d, host: host, in: r, began: d.router.clock(), claimed: c, first: c.target.version, entry: entry}
	x.hold(c.target)
	defer x.end()
	// Otherwise net/http reads the rest of the body itself when the answer begins,
	// and closes it under whoever is still passing it on. Only HTTP/1 needs it.
	_ = http.NewResponseController(w).EnableFullDuplex()
	proxy := httputil.ReverseProxy{
		Rewrite: rewrite, Transport: x, BufferPool: d.buffers,
		ErrorHandler: x.unanswered, ErrorLog: d.errors,
	}
	proxy.ServeHTTP(w, r)
}

// unfit says why a request is refused whatever its host.
func (d *door) unfit(w http.ResponseWriter, r *http.Request) (reason refusal, status int, bad bool) {
	switch {
	case r.Method == http.MethodConnect:
		return refusedMethod, http.StatusMethodNotAllowed, true
	case r.ProtoMajor == 2 && !framing.Expressible(r):
		return refusedHTTP2, http.StatusBadRequest, true
	case !d.limits.fits(w, r):
		return refusedLength, http.StatusRequestEntityTooLarge, true
	}
	return 0, 0, false
}

// diverted answers a plain request whose answer is not the app's: a CA's, and one
// that has to come again in TLS.
func (d *door) diverted(w http.ResponseWriter, r *http.Request, host string) bool {
	if strings.HasPrefix(r.URL.Path, challengePath) {
		return d.challenged(w, r, host)
	}
	to := d.router.keys.Load().elsewhere(host, r, d.router.now())
	if to == "" {
		return false
	}
	d.router.refused[d.listener].add(refusedPlain)
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusPermanentRedirect) // which keeps the method and the body
	return true
}

// refuse answers a request that no app gets.
func (d *door) refuse(w http.ResponseWriter, err error) {
	refused := d.router.refused[d.listener]
	if errors.Is(err, errNoTable) {
		refused.add(refusedNoTable)
		w.Header().Set("Retry-After", "1")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	refused.add(refusedNoHost)
	http.Error(w, err.Error(), http.StatusNotFound)
}

// bufferSize is what ReverseProxy copies responses with.
const bufferSize = 32 << 10

// bufferPool implements httputil.BufferPool. Arrays are pooled by pointer, so
// that a slice header is not allocated with every request.
type bufferPool struct {
	pool sync.Pool
}

func (p *bufferPool) Get() []byte {
	if b, ok := p.pool.Get().(*[bufferSize]byte); ok {
		return b[:]
	}
	return make([]byte, bufferSize)
}

func (p *bufferPool) Put(b []byte) {
	if len(b) == bufferSize {
		p.pool.Put((*[bufferSize]byte)(b))
	}
}
