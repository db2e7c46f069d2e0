package traffic_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// drained drains a version that left its route, and expects nothing to be left.
func (r *rig) drained(tb testing.TB, label string, timeout time.Duration) {
	tb.Helper()
	left, err := r.Drained(tb.Context(), traffic.Drain{Listener: traffic.Production, App: "a", Label: label, Timeout: timeout})
	if left != 0 || err != nil {
		tb.Errorf("drain of %s: %d left, %v", label, left, err)
	}
}

// drainTime is for drains in whose second half streams leave.
const drainTime = 2 * time.Second

// dismiss drains a version for drainTime and returns what is left: what was told to
// go may need longer on a slow machine.
func (r *rig) dismiss(tb testing.TB, label string) int64 {
	tb.Helper()
	left, err := r.Drained(tb.Context(), traffic.Drain{Listener: traffic.Production, App: "a", Label: label, Timeout: drainTime})
	if err != nil {
		tb.Error(err)
	}
	return left
}

// TestWebSocketsAreToldToGo: at the end of a drain clients and versions see a
// closing handshake, and no message is broken by it.
func TestWebSocketsAreToldToGo(t *testing.T) {
	const clients = 10
	r := newRig(t, t.TempDir(), nil)
	told := make(chan websocket.StatusCode, clients)
	r.route(t, backend(t, "r1", func(w http.ResponseWriter, req *http.Request) {
		c, err := websocket.Accept(w, req, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		ctx, cancel := context.WithCancel(req.Context())
		go func() {
			defer cancel()
			_, _, err := c.Read(req.Context())
			told <- websocket.CloseStatus(err)
		}()
		for size := 1; ; size = size*3%70_001 + 1 { // frames with headers of every length
			if c.Write(ctx, websocket.MessageBinary, bytes.Repeat([]byte{byte(size)}, size)) != nil {
				<-ctx.Done()
				return
			}
		}
	}), nil, 0)
	seen := make(chan error, clients)
	for range clients {
		c, _ := r.converse(t)
		c.SetReadLimit(1 << 20)
		go func() {
			for size := 1; ; size = size*3%70_001 + 1 {
				_, got, err := c.Read(t.Context())
				if err != nil {
					seen <- err
					return
				}
				if !bytes.Equal(got, bytes.Repeat([]byte{byte(size)}, size)) {
					seen <- fmt.Errorf("a message of %d bytes, want %d", len(got), size)
					return
				}
			}
		}()
	}
	r.route(t, named(t, "r2"), nil, 0)
	r.dismiss(t, "r1")
	for range clients {
		if err := <-seen; websocket.CloseStatus(err) != websocket.StatusGoingAway {
			t.Errorf("a client saw %v", err)
		}
		if code := <-told; code != websocket.StatusGoingAway {
			t.Errorf("the version saw the status %d", code)
		}
	}
	r.drained(t, "r1", time.Minute)
}

// TestASilentSocketHoldsNoDrain: neither a client nor a version that says nothing
// more keeps a connection whose other side has ended.
func TestASilentSocketHoldsNoDrain(t *testing.T) {
	const upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	for name, clientEnds := range map[string]bool{"silent client": false, "silent version": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, t.TempDir(), nil)
			r.route(t, backend(t, "r1", func(w http.ResponseWriter, _ *http.Request) {
				c, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
				if clientEnds {
					t.Cleanup(func() { c.Close() })
				} else {
					c.Close()
				}
			}), nil, 0)
			c := r.from(t, "127.0.0.1")
			if _, err := io.WriteString(c, upgrade); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(c).ReadString('\n'); !strings.Contains(line, "101") {
				t.Fatal(line, err)
			}
			if clientEnds {
				c.Close()
			}
			r.route(t, named(t, "r2"), nil, 0)
			r.drained(t, "r1", time.Minute)
		})
	}
}

// TestEventsEndInADrain: a stream of events ends as one that has come to its end,
// and a download is not taken for one.
func TestEventsEndInADrain(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	rest := make(chan struct{})
	r.route(t, backend(t, "r1", func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet {
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		}
		_, _ = io.WriteString(w, "data: one\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-rest:
			_, _ = io.WriteString(w, "the rest")
		case <-req.Context().Done():
		}
	}), nil, 0)
	open := func(method string) *http.Response {
		res, err := http.DefaultTransport.RoundTrip(request(t, method, r.url, "a", ""))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	events, download := open(http.MethodGet), open(http.MethodPost)
	r.route(t, named(t, "r2"), nil, 0)
	if r.dismiss(t, "r1") == 0 {
		t.Error("the download was ended")
	}
	if got, err := io.ReadAll(events.Body); string(got) != "data: one\n\n" || err != nil {
		t.Errorf("the events are %q, %v", got, err)
	}
	close(rest)
	if got, err := io.ReadAll(download.Body); string(got) != "data: one\n\nthe rest" || err != nil {
		t.Errorf("the download is %q, %v", got, err)
	}
	r.drained(t, "r1", time.Minute)
}

func TestGRPCStreamsAreUnavailableAfterADrain(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	_, target := newCallee(t)
	r.route(t, target, nil, 0)
	stream, err := r.caller(t).FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	say := func() {
		t.Helper()
		if err := stream.Send(&pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: []byte("x")}}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	say()
	r.route(t, named(t, "r2"), nil, 0)
	say() // on the old version still
	r.dismiss(t, "r1")
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("the client saw %v", err)
	}
	if v := r.scored(t); v.Failed != 0 {
		t.Error("a stream that the edge ended counts as failed")
	}
}

func TestWebSocketsAreToldToGoWhenTheEdgeEnds(t *testing.T) {
	r := newRig(t, t.TempDir(), func(c *traffic.Config, _ *traffic.Deps) { c.Grace = drainTime })
	r.route(t, backend(t, "r1", echo), nil, 0)
	c, say := r.converse(t)
	say("before")
	ended := make(chan error)
	go func() { ended <- r.stop() }()
	_, _, err := c.Read(t.Context())
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != websocket.StatusGoingAway {
		t.Errorf("the client saw %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
