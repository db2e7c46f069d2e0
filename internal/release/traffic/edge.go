package traffic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	defaultGrace = 30 * time.Second
	// maxSocketPath is what fits into a sockaddr_un with its final zero byte.
	maxSocketPath = 107
)

var (
	// ErrStale says that the edge has a newer table, or another one of the same version.
	ErrStale = errors.New("route table is stale")
	// ErrNotDurable says that a table is in force, but will be forgotten when the
	// edge dies. Putting it again tries again.
	ErrNotDurable = errors.New("route table is in force but not on disk")
)

// Config says where the edge is spoken to and what it keeps.
type Config struct {
	Socket     string        // path of the unix socket for control, at most 107 bytes
	TableFile  string        // where the last table is kept
	KeyFile    string        // where the key is kept that sessions are signed with; "": it is forgotten with the process
	SecureFile string        // where what is shown in TLS is kept; "": it is forgotten with the process
	Grace      time.Duration // most that requests in flight get at the end; 0 means 30 s
	Limits     Limits        // of what clients can make it hold
}

// Deps is what the edge works with. Clock, Now and Draw may be nil.
type Deps struct {
	// Production and Staging are TCP listeners; Staging must be on loopback. Run
	// closes them. Whoever holds duplicates of them keeps the addresses open:
	// connections then wait for the next edge instead of being refused.
	Production, Staging net.Listener
	// Secure is for production traffic in TLS, like the others; nil: there is none.
	Secure net.Listener
	Log    *slog.Logger
	Clock  func() time.Duration // monotonic, since the edge started
	Now    func() time.Time     // of the calendar
	Draw   func() float64       // uniform in [0, 1), independent, safe for concurrent use
}

// Edge is the data plane. New makes one, Run serves.
type Edge struct {
	config Config
	deps   Deps
	router *router
	retire func() // lets a running edge go; see retirement

	mu      sync.Mutex // held while a table is put, and while leases lapse
	table   Table
	encoded []byte // of table, for telling a renewal from another table
	dirty   bool   // disk does not have what is in force
}

// New checks the configuration. It starts nothing and opens nothing.
func New(config Config, deps Deps) (*Edge, error) {
	if config.Socket == "" || len(config.Socket) > maxSocketPath {
		return nil, fmt.Errorf("edge socket path %q is not 1 to %d bytes long: use a shorter folder", config.Socket, maxSocketPath)
	}
	if config.TableFile == "" {
		return nil, errors.New("edge has no file for its table")
	}
	if err := checkListeners(deps); err != nil {
		return nil, err
	}
	if deps.Log == nil {
		return nil, errors.New("edge has no logger")
	}
	limits, err := config.Limits.filled()
	if err != nil {
		return nil, err
	}
	config.Limits = limits
	if config.Grace == 0 {
		config.Grace = defaultGrace
	}
	if deps.Clock == nil {
		start := time.Now()
		deps.Clock = func() time.Duration { return time.Since(start) }
	}
	if deps.Draw == nil {
		deps.Draw = rand.Float64
	}
	e := &Edge{config: config, deps: deps, router: newRouter(deps.Clock, deps.Draw)}
	if deps.Now != nil {
		e.router.now = deps.Now
	}
	return e, nil
}

// listeners are those that are handed over, in their order.
func (d Deps) listeners() []net.Listener {
	all := []net.Listener{d.Production, d.Staging}
	if d.Secure != nil {
		all = append(all, d.Secure)
	}
	return all
}

func checkListeners(deps Deps) error {
	for i, l := range deps.listeners() {
		if _, ok := l.(syscall.Conn); !ok {
			return fmt.Errorf("%s listener is a %T, which has no socket to pass on", []string{"production", "staging", "secure"}[i], l)
		}
	}
	at, ok := deps.Staging.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsLoopback() {
		return fmt.Errorf("staging listener is on %s: it must be on a loopback address", deps.Staging.Addr())
	}
	return nil
}

// Run serves until ctx ends; then it stops accepting, lets requests in flight
// finish for the configured grace, and cuts what is left. It may be called once.
func (e *Edge) Run(ctx context.Context) error {
	for _, l := range e.deps.listeners() {
		defer l.Close()
	}
	if err := e.load(); err != nil {
		return fmt.Errorf("start edge: %w", err)
	}
	socket, err := listenSocket(ctx, e.config.Socket)
	if err != nil {
		return fmt.Errorf("start edge: %w", err)
	}
	defer socket.Close()
	ctx, end := context.WithCancel(ctx)
	defer end()
	// Requests outlive ctx: they have the grace.
	work, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	fronts := e.fronts(work)
	control := e.controlServer()
	e.retire = e.retirement(end, control)

	for _, f := range fronts {
		e.deps.Log.Info("edge serves", "listener", string(f.name), "address", f.listener.Addr().String(),
			"tls", f.secure, "table", e.table.Version)
	}

	done, finish := context.WithCancel(context.WithoutCancel(ctx))
	defer finish()
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { e.router.access.run(done, e.deps.Log); return nil })
	for _, f := range fronts {
		group.Go(func() error { return e.served(serve(f.server, e.guarded(f))) })
	}
	group.Go(func() error { return serve(control, socket) })
	group.Go(func() error { e.sweep(running); return nil })
	group.Go(func() error {
		<-running.Done()
		defer finish()
		e.stop(fronts)
		cut()
		e.router.disconnect()
		return errors.Join(closeFronts(fronts), control.Close())
	})
	return group.Wait()
}

// stop lets the requests in flight finish, at most for the grace. It returns
// when none is left: upgraded connections, which a server forgets, are counted.
func (e *Edge) stop(fronts []front) {
	ctx, cancel := context.WithTimeout(context.Background(), e.config.Grace)
	defer cancel()
	var group, dismissal errgroup.Group
	dismissing, dismissed := context.WithCancel(ctx)
	dismissal.Go(func() error { e.router.dismissAll(dismissing); return nil })
	for _, f := range fronts {
		group.Go(func() error { return f.server.Shutdown(ctx) })
	}
	err := group.Wait()
	left := e.router.drainAll(ctx)
	dismissed()
	_ = dismissal.Wait() // it has no error
	e.deps.Log.Info("edge stops", "cut_requests", left, "error", err)
}

func serve(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

// sweep closes cohorts and ends leases in time, also when nobody asks.
func (e *Edge) sweep(ctx context.Context) {
	tick := time.NewTicker(TickLength)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			e.router.recorder.Sweep()
			e.mu.Lock()
			if err := e.lapse(); err != nil {
				e.deps.Log.Error("lapsed lease is not on disk", "error", err)
			}
			e.mu.Unlock()
		}
	}
}

// load puts the table in force that is on disk. A damaged file is left out, not
// fatal: control sends the table as soon as it is there, and traffic must not
// wait for a person. One that a newer program wrote is.
func (e *Edge) load() error {
	e.loadKey()
	e.loadSecure()
	s, err := readState(e.config.TableFile)
	if errors.Is(err, errNewer) {
		return err
	}
	if err != nil {
		e.deps.Log.Error("edge starts without its table", "error", err)
		return nil
	}
	if s.Table.Version == 0 {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	defer e.router.resume()
	if e.encoded, err = s.Table.Encode(); err != nil {
		return err
	}
	e.table = s.Table
	e.router.swap(s.Table)
	e.router.restore(s.Lapsed)
	return nil
}

// loadKey takes the key from its file. Without it traffic goes on: a new key costs
// sessions their version, once.
func (e *Edge) loadKey() {
	if e.config.KeyFile == "" {
		return
	}
	k, err := readKey(e.config.KeyFile)
	if err != nil {
		e.deps.Log.Error("edge starts with a new key, sessions are drawn anew", "error", err)
	}
	e.router.key = k
}

// put makes t the table in force, or renews the leases when it is already. The
// swap comes before the disk: taking traffic from a bad version must not wait
// for an fsync, nor fail on a full disk. It is acknowledged when both are done.
func (e *Edge) put(t Table) error {
	encoded, err := t.Encode()
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.lapse(); err != nil {
		e.deps.Log.Error("lapsed lease is not on disk", "error", err)
	}
	switch {
	case t.Version < e.table.Version:
		return fmt.Errorf("%w: version %d was put, %d is in force", ErrStale, t.Version, e.table.Version)
	case t.Version == e.table.Version && !bytes.Equal(encoded, e.encoded):
		return fmt.Errorf("%w: version %d already names another table", ErrStale, t.Version)
	case t.Version == e.table.Version:
		e.router.renew()
	default:
		e.router.swap(t)
		e.table, e.encoded, e.dirty = t, encoded, true
		e.deps.Log.Info("route table in force", "table", t.Version, "routes", len(t.Routes))
	}
	return e.persist()
}

// lapse ends the leases that ran out. The caller holds e.mu.
func (e *Edge) lapse() error {
	for _, r := range e.router.lapseDue() {
		e.dirty = true
		e.deps.Log.Warn("lease lapsed, stable version gets all traffic",
			"app", r.App, "listener", string(r.Listener), "route", r.Version, "weight", r.Weight)
	}
	return e.persist()
}

// persist writes what is in force to disk, if that is needed. The caller holds e.mu.
func (e *Edge) persist() error {
	if !e.dirty {
		return nil
	}
	s := state{Table: e.table, Lapsed: e.router.lapsed()}
	if err := s.write(e.config.TableFile); err != nil {
		return fmt.Errorf("%w: %w", ErrNotDurable, err)
	}
	e.dirty = false
	return nil
}
