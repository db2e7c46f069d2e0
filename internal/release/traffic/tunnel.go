package traffic

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	// closePatience is how long one side of a WebSocket may go on when the other
	// has ended.
	closePatience = 5 * time.Second
	// framePatience is how long a version may take to end a frame that it began,
	// before the connection is left.
	framePatience = time.Second
)

// goingAway is a Close frame of a server with the status 1001 (RFC 6455 sections
// 5.5.1 and 7.4.1).
const goingAway = "\x88\x02\x03\xe9"

// tunnel is a version's side of a WebSocket, as ReverseProxy copies from it and to
// it.
type tunnel struct {
	io.ReadWriteCloser
	version, client net.Conn
	frames          frames // from the version to the client
	farewell        string // of goingAway, what is left to say
	ending          bool   // the reader knows that it has to leave
	once            sync.Once

	mu   sync.Mutex
	left bool
}

// newTunnel returns nil for what is not a WebSocket of HTTP/1.
func newTunnel(x *exchange, res *http.Response) *tunnel {
	both, ok := res.Body.(io.ReadWriteCloser)
	c, known := x.in.Context().Value(clientKey{}).(*client)
	if !ok || !known || x.conn == nil {
		return nil
	}
	return &tunnel{ReadWriteCloser: both, version: x.conn, client: c.conn, farewell: goingAway}
}

// leave lets the version end the frame that it is in; then the client gets a Close
// frame, whose answer goes to the version.
func (t *tunnel) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.left {
		t.left = true
		_ = t.version.SetReadDeadline(time.Unix(1, 0)) // wakes the reader; fails if there is none
	}
}

// Read implements io.Reader.
func (t *tunnel) Read(p []byte) (int, error) {
	if !t.leaving() {
		n, err := t.ReadWriteCloser.Read(p)
		t.frames.follow(p[:n])
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.half(err)
			return n, err
		}
		if n > 0 {
			return n, nil
		}
	}
	return t.finish(p)
}

func (t *tunnel) leaving() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.left
}

// finish reads to the end of a frame, says goodbye, and ends.
func (t *tunnel) finish(p []byte) (int, error) {
	if !t.ending {
		t.ending = true
		_ = t.version.SetReadDeadline(time.Now().Add(framePatience)) // fails if it is closed, as reading will
	}
	if rest := t.frames.rest(); rest > 0 {
		n, err := t.ReadWriteCloser.Read(p[:min(uint64(len(p)), rest)])
		t.frames.follow(p[:n])
		t.half(err)
		return n, err
	}
	n := copy(p, t.farewell)
	t.farewell = t.farewell[n:]
	if n == 0 {
		t.half(io.EOF)
		return 0, io.EOF
	}
	return n, nil
}

// CloseWrite passes the client's end on.
func (t *tunnel) CloseWrite() error {
	t.half(io.EOF)
	return closeWrite(t.version)
}

// half bounds the time that the other direction has when one has ended: a client
// that says nothing more would hold the drain of a version that is gone.
func (t *tunnel) half(err error) {
	if err == nil {
		return
	}
	t.once.Do(func() {
		time.AfterFunc(closePatience, func() {
			t.version.Close()
			t.client.Close()
		})
	})
}

// frames knows where it is in a row of WebSocket frames (RFC 6455 section 5.2).
type frames struct {
	head    [14]byte // of the frame whose header is not complete
	headLen int
	payload uint64 // bytes that are to come of the frame
}

// rest is how many bytes of the frame are known to come: 0 between two frames.
func (f *frames) rest() uint64 {
	if f.headLen > 0 {
		return uint64(f.headSize() - f.headLen)
	}
	return f.payload
}

// headSize is how long the header is, as far as its first bytes tell.
func (f *frames) headSize() int {
	if f.headLen < 2 {
		return 2
	}
	size := 2
	switch f.head[1] & 0x7f {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if f.head[1]&0x80 != 0 {
		size += 4
	}
	return size
}

// follow reads along.
func (f *frames) follow(p []byte) {
	for len(p) > 0 {
		if f.payload > 0 {
			n := min(uint64(len(p)), f.payload)
			f.payload -= n
			p = p[n:]
			continue
		}
		f.head[f.headLen] = p[0]
		f.headLen++
		p = p[1:]
		if f.headLen == f.headSize() {
			f.payload, f.headLen = f.length(), 0
		}
	}
}

// length is the payload's, by a complete header.
func (f *frames) length() uint64 {
	short := uint64(f.head[1] & 0x7f)
	bytes := 0
	switch short {
	case 126:
		bytes = 2
	case 127:
		bytes = 8
	default:
		return short
	}
	long := uint64(0)
	for _, b := range f.head[2 : 2+bytes] {
		long = long<<8 | uint64(b)
	}
	return long
}
