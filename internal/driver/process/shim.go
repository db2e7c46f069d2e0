package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/x/redact"
)

// ShimMain is the command `davit shim DIR`: it looks after one instance until it
// is told to stop, and returns the exit code.
func ShimMain(args []string) int {
	// The program dies with the thread that started it (PR_SET_PDEATHSIG). A
	// locked thread lives as long as its goroutine: here, as the process.
	runtime.LockOSThread()
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "usage: davit shim DIR; the process driver calls it")
		return 2
	}
	if err := runShim(args[0]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// shim is one instance's supervisor.
type shim struct {
	dir   string
	order order
	log   *logFile
	claim io.Closer // of the port
	group cgroup    // of the program and what it starts

	mu     sync.Mutex
	status status

	stop context.CancelFunc // begins the end
	kill context.CancelFunc // ends the patience with it
	done chan struct{}      // closed when nothing of the instance is left
}

func runShim(dir string) error {
	held, err := hold(dir)
	if err != nil {
		return err
	}
	defer held.Close()
	o, err := readOrder(dir)
	if err != nil {
		return err
	}
	if o.Secrets {
		if o.Spec.Secrets, err = takeOver(); err != nil {
			return err
		}
	}
	log, err := openLog(o.Log)
	if err != nil {
		return err
	}
	log.hide = redact.New(slices.Collect(maps.Values(o.Spec.Secrets))...)
	stopping, stop := context.WithCancel(context.Background())
	defer stop()
	killing, kill := context.WithCancel(context.Background())
	defer kill()
	s := &shim{dir: dir, order: o, log: log, stop: stop, kill: kill, done: make(chan struct{})}
	s.status.Instance = driver.Instance{
		ID: o.Spec.ID, App: o.Spec.App, Digest: o.Spec.Image.Digest, State: driver.Starting,
		Started: time.Now().UTC(), Sandbox: string(o.Level),
	}
	s.limit()
	s.listenToSignals()
	if o.Tether {
		go s.watchTether()
	}
	server, err := s.serve()
	if err != nil {
		return err
	}
	s.supervise(stopping, killing)
	<-stopping.Done()
	removeErr := removeCgroups(dir)
	close(s.done)
	bounded, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = server.Shutdown(bounded) // lets the answer to stop go out
	return errors.Join(removeErr, log.Close())
}

// end begins the instance's end. Of several graces the one that is over first
// counts.
func (s *shim) end(grace time.Duration) {
	s.become(driver.Stopping, "", "")
	if grace <= 0 {
		s.kill()
	} else {
		time.AfterFunc(grace, s.kill)
	}
	s.stop()
}

// listenToSignals makes SIGTERM, as from a machine that shuts down, an orderly
// end. The others are not for it.
func (s *shim) listenToSignals() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE)
	terminate := make(chan os.Signal, 1) // of its own: what does not fit into a channel is lost
	signal.Notify(terminate, syscall.SIGTERM)
	go func() { // as long as the process
		for range terminate {
			s.end(s.order.Spec.Run.Drain.Std())
		}
	}()
}

// watchTether ends the instance with the process that holds the other end of
// standard input.
func (s *shim) watchTether() {
	_, _ = io.Copy(io.Discard, os.Stdin) // its end is all that is waited for
	s.end(0)
}

// serve answers on the instance's socket.
func (s *shim) serve() (*http.Server, error) {
	var l net.Listener
	err := overSocket(s.dir, func(path string) (err error) {
		_ = os.Remove(path) // of a shim that was killed; we hold the lock
		l, err = new(net.ListenConfig).Listen(context.Background(), "unix", path)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open the shim's socket: %w", err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // its path names a descriptor that is closed by then
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.now()) })
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
	s.end(grace)
	<-s.done
	reply(w, struct{}{})
}

func (s *shim) now() status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// set changes the status. It is on disk before anybody is told: List reads it there
// when this shim does not answer, and ListApp always.
func (s *shim) set(fn func(*status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.status)
	if err := s.status.write(s.dir); err != nil {
		s.log.note("%v", err) // whoever reads asks instead
	}
}

// become changes the state alone, unless it is stopping.
func (s *shim) become(state driver.State, reason, hint string) {
	s.set(func(now *status) { now.become(state, reason, hint) })
}
