package traffic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"
)

// problem is the body of an answer that is an error.
type problem struct {
	Error string `json:"error"`
	Kind  string `json:"kind,omitempty"` // one of kinds
}

// kinds are the errors that control has to tell apart.
func kinds() map[string]error {
	return map[string]error{"stale": ErrStale, "not_durable": ErrNotDurable, "routed": ErrRouted}
}

// drained is the answer to POST /drain.
type drained struct {
	Left int64 `json:"left"`
}

// dyingTime is how long an edge that was killed may still seem to answer: the
// kernel closes its descriptors one after the other, and control may have seen the
// end of the first.
const dyingTime = 2 * time.Second

// vacant waits until nobody answers on a unix socket.
func vacant(ctx context.Context, path string) error {
	var d net.Dialer
	for deadline := time.Now().Add(dyingTime); ; {
		c, err := d.DialContext(ctx, "unix", path)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("look for another edge: %w", context.Cause(ctx))
		case err != nil && !errors.Is(err, syscall.EAGAIN): // which is a queue that is full
			return nil // nobody there is what is waited for
		case err == nil:
			c.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("another edge answers on %s", path)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// listenSocket opens the unix socket for the owner alone. A socket that a dead
// edge left behind is replaced, one that answers is not.
func listenSocket(ctx context.Context, path string) (net.Listener, error) {
	if err := vacant(ctx, path); err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != os.ModeSocket {
		return nil, fmt.Errorf("%s is there and is not a socket", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old socket: %w", err)
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen for control: %w", err)
	}
	if unix, ok := l.(*net.UnixListener); ok {
		// By the time this edge closes it, the path may be the next one's.
		unix.SetUnlinkOnClose(false)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("protect socket: %w", err)
	}
	return l, nil
}

// controlServer serves what Client asks for.
func (e *Edge) controlServer() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /table", e.putTable)
	mux.HandleFunc("PUT /secure", e.handleSecure)
	mux.HandleFunc("PUT /challenges", e.putChallenges)
	mux.HandleFunc("GET /cohorts", e.getCohorts)
	mux.HandleFunc("GET /status", e.getStatus)
	mux.HandleFunc("GET /past", e.getPast)
	mux.HandleFunc("GET /metrics", e.getMetrics)
	mux.HandleFunc("POST /pin", e.postPin)
	mux.HandleFunc("PUT /access-log", e.putAccessLog)
	mux.HandleFunc("POST /drain", e.postDrain)
	mux.HandleFunc("GET /watch", e.getWatch)
	mux.HandleFunc("GET /listeners", e.getListeners)
	mux.HandleFunc("POST /retire", e.postRetire)
	return &http.Server{
		Handler: mux, ReadHeaderTimeout: defaultHeaderTime,
		ErrorLog: slog.NewLogLogger(e.deps.Log.Handler(), slog.LevelDebug),
	}
}

func (e *Edge) putTable(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTableBytes+1))
	if err != nil {
		fail(w, http.StatusBadRequest, fmt.Errorf("read route table: %w", err))
		return
	}
	t, err := DecodeTable(data)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	switch err := e.put(t); {
	case errors.Is(err, ErrStale):
		fail(w, http.StatusConflict, err)
	case err != nil:
		fail(w, http.StatusInternalServerError, err)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (e *Edge) getCohorts(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	after, err := strconv.ParseUint(q.Get("after"), 10, 64)
	if err != nil && q.Has("after") {
		fail(w, http.StatusBadRequest, fmt.Errorf("after=%q is not a sequence number", q.Get("after")))
		return
	}
	answer(w, e.router.recorder.Read(q.Get("epoch"), after))
}

func (e *Edge) getStatus(w http.ResponseWriter, _ *http.Request) {
	s := e.router.status()
	if e.deps.Secure != nil {
		s.Secure = e.deps.Secure.Addr().String()
	}
	answer(w, s)
}

func (e *Edge) getPast(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	answer(w, e.router.past(appKey{Production, q.Get("app")}, q.Get("label")))
}

func (e *Edge) postDrain(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	timeout, err := time.ParseDuration(q.Get("timeout"))
	if err != nil {
		fail(w, http.StatusBadRequest, fmt.Errorf("timeout=%q is not a duration such as 30s", q.Get("timeout")))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	left, err := e.router.drain(ctx, appKey{Listener(q.Get("listener")), q.Get("app")}, q.Get("label"))
	if err != nil {
		fail(w, http.StatusConflict, err)
		return
	}
	answer(w, drained{left})
}

// getWatch answers at once and never ends, so that the other side sees this
// process die as the end of the response.
func (e *Edge) getWatch(w http.ResponseWriter, r *http.Request) {
	if err := http.NewResponseController(w).Flush(); err != nil {
		return
	}
	<-r.Context().Done()
}

func answer(w http.ResponseWriter, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		fail(w, http.StatusInternalServerError, fmt.Errorf("encode answer: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data) // a caller that is gone needs no answer
}

func fail(w http.ResponseWriter, status int, err error) {
	p := problem{Error: err.Error()}
	for kind, sentinel := range kinds() {
		if errors.Is(err, sentinel) {
			p.Kind = kind
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(p) // as in answer
}
