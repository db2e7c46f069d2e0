package traffic

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"github.com/davit-dev/davit/internal/release/traffic/framing"
	"github.com/davit-dev/davit/internal/x/admission"
)

// front is a listener and who answers on it. Production has two, which differ in
// nothing but TLS.
type front struct {
	name     Listener
	secure   bool
	listener net.Listener
	server   *http.Server
}

func (e *Edge) fronts(work context.Context) []front {
	all := []front{
		{Production, false, e.deps.Production, e.server(work, Production, false)},
		{Staging, false, e.deps.Staging, e.server(work, Staging, false)},
	}
	if e.deps.Secure != nil {
		all = append(all, front{Production, true, e.deps.Secure, e.server(work, Production, true)})
	}
	return all
}

func closeFronts(fronts []front) error {
	var errs []error
	for _, f := range fronts {
		errs = append(errs, f.server.Close())
	}
	return errors.Join(errs...)
}

// unshaken counts a client that did not come through the handshake.
func (e *Edge) unshaken(client net.Addr, reason error) {
	e.router.unshaken.Add(1)
	e.deps.Log.Debug("handshake failed", "client", client.String(), "reason", reason)
}

// guarded keeps to the limits of connections, and refuses requests with ambiguous
// framing before net/http reads them.
func (e *Edge) guarded(f front) net.Listener {
	limits := admission.Limits{Connections: e.config.Limits.Connections, PerClient: e.config.Limits.ClientConnections}
	var l net.Listener = admission.New(f.listener, limits, e.router.clients[f.name], e.deps.Log)
	l = &pacedListener{Listener: l, limit: e.config.Limits.HeaderTime}
	if f.secure {
		l = &secureListener{Listener: l, config: e.tlsConfig(), failed: e.unshaken, limit: e.config.Limits.HeaderTime}
	}
	return framing.Listen(l, func(client net.Addr, reason error) {
		e.router.refused[f.name].add(refusedFraming)
		e.deps.Log.Debug("connection refused", "client", client.String(), "reason", reason)
	})
}

// release ends the scanning of a connection that became a WebSocket.
func release(c net.Conn, state http.ConnState) {
	if scanned, ok := c.(*framing.Conn); ok && state == http.StateHijacked {
		scanned.Release()
	}
}

func (e *Edge) server(work context.Context, l Listener, secure bool) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	// With prior knowledge (RFC 9113 section 3.3), which a client in TLS has by ALPN:
	// what net/http gets of it is decrypted already.
	protocols.SetUnencryptedHTTP2(true)
	limits := e.config.Limits
	return &http.Server{
		Handler: &door{
			listener: l, plain: l == Production && !secure, limits: limits, router: e.router, buffers: &bufferPool{},
			errors: slog.NewLogLogger(e.deps.Log.Handler(), slog.LevelDebug),
		},
		Protocols:                    &protocols,
		BaseContext:                  func(net.Listener) context.Context { return work },
		ConnContext:                  withClient,
		ConnState:                    release,
		ReadHeaderTimeout:            limits.HeaderTime,
		IdleTimeout:                  limits.IdleTime,
		MaxHeaderBytes:               limits.HeaderBytes,
		HTTP2:                        limits.http2(),
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(e.deps.Log.Handler(), slog.LevelDebug),
	}
}
