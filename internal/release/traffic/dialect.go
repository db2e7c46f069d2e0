package traffic

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// probeTimeout bounds how long a version is asked for HTTP/2.
	probeTimeout = time.Second
	// probeTurn is after how long the question ends, because some servers of HTTP/1
	// take it for a request with a body that goes on, net/http among them.
	probeTurn = 200 * time.Millisecond
)

// probe is how an HTTP/2 connection begins with prior knowledge: the preface and
// empty SETTINGS (RFC 9113 sections 3.4 and 6.5).
const probe = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// dialect is whether a version speaks HTTP/2 beside HTTP/1, and its connections
// for that. It is asked once, when the first HTTP/2 request comes for it.
type dialect struct {
	transport *http.Transport

	mu    sync.Mutex // held while the version is asked
	known bool
	http2 bool
}

func newDialect() *dialect {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := newTransport()
	transport.Protocols = &protocols
	return &dialect{transport: transport}
}

// speaksHTTP2 asks the version at address, unless it has answered before. known
// is false when nobody answered; the next call asks again.
func (d *dialect) speaksHTTP2(ctx context.Context, address string) (http2, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.known {
		d.http2, d.known = ask(ctx, address)
	}
	return d.http2, d.known
}

// ask reports whether the server at address answers SETTINGS with SETTINGS, and
// whether it answers.
func ask(ctx context.Context, address string) (http2, known bool) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	c, err := dial(ctx, "tcp", address)
	if err != nil {
		return false, false
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	turn := time.AfterFunc(probeTurn, func() { _ = closeWrite(c) })
	defer turn.Stop()
	if _, err := io.WriteString(c, probe); err != nil {
		return false, false
	}
	var frame [9]byte // a frame header, RFC 9113 section 4.1
	if _, err := io.ReadFull(c, frame[:]); err != nil {
		return false, false
	}
	const settings = 0x4
	return frame[3] == settings && [4]byte(frame[5:]) == [4]byte{}, true
}

// transport chooses how the request goes to the version. HTTP/2 stays HTTP/2 where
// the version speaks it, because only there both directions stream at once and
// gRPC has its trailers. A version that does not say gets nothing but gRPC so.
func (x *exchange) transport() *http.Transport {
	v := x.target.version
	x.http2 = false
	if x.in.ProtoMajor == 2 {
		speaks, known := v.dialect.speaksHTTP2(x.in.Context(), x.address())
		x.http2 = speaks || !known && isGRPC(x.in.Header)
	}
	if x.http2 {
		return v.dialect.transport
	}
	return v.transport
}

// cancelable returns a context for the attempt. HTTP/2 needs one that can be
// canceled, see endless.Close.
func (x *exchange) cancelable(ctx context.Context) context.Context {
	if x.cancel != nil {
		x.cancel() // of the attempt before
		x.cancel = nil
	}
	if x.http2 {
		ctx, x.cancel = context.WithCancel(ctx)
	}
	return ctx
}
