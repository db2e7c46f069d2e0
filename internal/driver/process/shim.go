package process

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/davit-dev/davit/internal/driver"
)

// ShimMain is the command `davit shim DIR`: it looks after one instance until it
// is told to stop, and returns the exit code.
func ShimMain(args []string) int {
	// The child dies with the thread that started it (PR_SET_PDEATHSIG), so it is
	// started from the main thread, which lives as long as the process does.
	runtime.LockOSThread()
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "usage: davit shim DIR; the process driver calls it")
		return 2
	}
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE)
	if err := runShim(args[0]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// shim is the state of one instance's supervisor.
type shim struct {
	dir   string
	order order
	log   *logFile

	mu       sync.Mutex
	instance driver.Instance

	stop  context.CancelFunc
	grace time.Duration // set before stop is called
	done  chan struct{} // closed when nothing of the instance is left
}

func runShim(dir string) error {
	held, err := holdFolder(dir)
	if err != nil {
		return err
	}
	defer held.Close()
	o, err := readOrder(dir)
	if err != nil {
		return err
	}
	log, err := openLog(o.Log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // nothing is written any more
	port, err := freePort()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	s := &shim{
		dir: dir, order: o, log: log, stop: stop, done: make(chan struct{}),
		instance: driver.Instance{
			ID: o.Spec.ID, App: o.Spec.App, Digest: o.Spec.Image.Digest, State: driver.Starting,
			Address: fmt.Sprintf("127.0.0.1:%d", port), Started: time.Now().UTC(), Sandbox: string(o.Level),
		},
	}
	if o.Tether {
		go s.watchTether()
	}
	server, err := s.serve()
	if err != nil {
		return err
	}
	s.supervise(ctx)
	<-ctx.Done()
	close(s.done)
	bounded, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return server.Shutdown(bounded) // lets the answer to stop go out
}

// holdFolder locks an instance's folder for the life of the shim, by which
// others see that it is alive.
func holdFolder(dir string) (*os.File, error) {
	held, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("hold instance: %w", err)
	}
	if err := unix.Flock(int(held.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		held.Close()
		return nil, fmt.Errorf("hold instance: another shim has it: %w", err)
	}
	return held, nil
}

func readOrder(dir string) (order, error) {
	var o order
	data, err := os.ReadFile(filepath.Join(dir, orderName))
	if err != nil {
		return o, fmt.Errorf("read order: %w", err)
	}
	if err := json.Unmarshal(data, &o); err != nil {
		return o, fmt.Errorf("read order: %w", err)
	}
	if o.Version != orderVersion {
		return o, fmt.Errorf("read order: it has version %d, this davit knows %d", o.Version, orderVersion)
	}
	return o, nil
}

// watchTether ends the instance with the process that holds the other end of
// standard input.
func (s *shim) watchTether() {
	_, _ = io.Copy(io.Discard, os.Stdin) // its end is all that is waited for
	s.stop()
}

// serve answers on the instance's socket.
func (s *shim) serve() (*http.Server, error) {
	var l net.Listener
	err := overSocket(s.dir, func(path string) (err error) {
		_ = os.Remove(path)               // of a shim that was killed; we hold the lock
		l, err = net.Listen("unix", path) //nolint:noctx // it does not wait
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open the shim's socket: %w", err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // its path names a descriptor that is closed by then
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.state()) })
	mux.HandleFunc("POST /stop", s.handleStop)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }() // ends with Shutdown
	return server, nil
}

func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the asker is gone when this fails
}

func (s *shim) handleStop(w http.ResponseWriter, r *http.Request) {
	grace, err := time.ParseDuration(r.FormValue("grace"))
	if err != nil {
		http.Error(w, "grace is no duration", http.StatusBadRequest)
		return
	}
	s.set(func(i *driver.Instance) { i.State, s.grace = driver.Stopping, grace })
	s.stop()
	<-s.done
	reply(w, struct{}{})
}

func (s *shim) state() driver.Instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.instance
}

func (s *shim) set(fn func(*driver.Instance)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.instance)
}

// become changes the state, unless it is stopping.
func (s *shim) become(state driver.State, reason string) {
	s.set(func(i *driver.Instance) {
		if i.State != driver.Stopping {
			i.State, i.Reason = state, reason
		}
	})
}
