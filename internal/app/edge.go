package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// edge keeps the data plane alive: it holds duplicates of the listening sockets,
// so that connections wait instead of being refused while it starts the process
// again, and adopts the process that an earlier control left behind.
type edge struct {
	paths      Paths
	client     *traffic.Client
	production net.Listener
	staging    net.Listener
	secure     net.Listener // nil: production is not in TLS
	shown      shown
	tether     bool
	accessLog  string // absolute, "" without one
	limits     EdgeLimits
	log        *slog.Logger
	starts     atomic.Int64
}

// errNoEdge says that nothing answers on the edge's socket.
var errNoEdge = errors.New("no edge answers")

// edgePatience is how long a started edge may take until it answers.
const edgePatience = 10 * time.Second

// openEdge finds a running edge or opens the listeners for a new one.
func openEdge(ctx context.Context, paths Paths, cfg ServeConfig, given sockets, log *slog.Logger) (*edge, error) {
	e := &edge{
		paths: paths, client: traffic.NewClient(paths.EdgeSocket()),
		tether: cfg.Tether, limits: cfg.Limits, shown: shown{config: cfg.Secure}, log: log,
	}
	if cfg.AccessLog != "" {
		file, err := filepath.Abs(cfg.AccessLog)
		if err != nil {
			return nil, fmt.Errorf("find the access log: %w", err)
		}
		e.accessLog = file
	}
	adopted, err := e.adopt(ctx)
	if err == nil && !adopted {
		err = e.listen(ctx, cfg, given)
	}
	if err == nil && e.secure == nil && cfg.Secure.Listen != "" {
		e.secure, err = given.listen(ctx, edgeTLSSocket, cfg.Secure.Listen, "--edge-tls")
	}
	if err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

// listen opens what an edge was not there for.
func (e *edge) listen(ctx context.Context, cfg ServeConfig, given sockets) (err error) {
	if e.production, err = given.listen(ctx, edgeSocket, cfg.Edge, "--edge"); err != nil {
		return err
	}
	e.staging, err = given.listen(ctx, stagingSocket, cfg.Staging, "--staging")
	return err
}

// adopt takes over the listeners of an edge that runs already.
func (e *edge) adopt(ctx context.Context) (adopted bool, err error) {
	if _, err := e.client.Status(ctx); err != nil {
		return false, nil // nobody there to adopt is the usual case
	}
	files, err := e.client.Listeners(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	if e.production, err = net.FileListener(files.Production); err != nil {
		return false, fmt.Errorf("take over the edge's listeners: %w", err)
	}
	if e.staging, err = net.FileListener(files.Staging); err != nil {
		return false, fmt.Errorf("take over the edge's listeners: %w", err)
	}
	if files.Secure != nil && e.shown.config.Listen != "" {
		if e.secure, err = net.FileListener(files.Secure); err != nil {
			return false, fmt.Errorf("take over the edge's listeners: %w", err)
		}
	}
	e.log.Info("edge adopted", "production", e.production.Addr().String())
	return true, nil
}

// run starts the edge whenever there is none, until ctx ends. It does not end
// the edge: traffic goes on without control.
func (e *edge) run(ctx context.Context) {
	for {
		gone := e.client.Watch(ctx)
		if ctx.Err() != nil {
			return
		}
		e.log.Info("edge is not there, starting it", "reason", gone)
		if err := e.start(ctx); err != nil {
			e.log.Error("edge did not start", "error", err)
			wait(ctx, time.Second)
		} else if err := e.brief(ctx); err != nil {
			e.log.Error("edge does not know all that it should", "error", err)
		}
	}
}

// start runs the edge in a session of its own and waits until it answers.
func (e *edge) start(ctx context.Context) error {
	files, err := e.files()
	if err != nil {
		return err
	}
	defer closeAll(files)
	logFile, err := os.OpenFile(e.paths.EdgeLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the edge's log: %w", err)
	}
	defer logFile.Close()
	args := append([]string{"edge", "--data", e.paths.Data}, e.limits.args()...)
	if e.secure != nil {
		args = append(args, "--tls")
	}
	cmd := exec.Command("/proc/self/exe", args...) //nolint:noctx // it outlives us
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.ExtraFiles = files
	cmd.Args[0] = "davit" // what ps shows
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var leash *os.File
	if e.tether {
		if leash, err = tie(cmd); err != nil {
			return err
		}
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the edge: %w", err)
	}
	e.starts.Add(1)
	alive, ended := context.WithCancel(ctx)
	go func() {
		_ = cmd.Wait() // how it ended is seen by Watch, and stands in its log
		ended()
		if leash != nil {
			leash.Close()
		}
	}()
	return e.answer(alive)
}

// logAccess tells the edge where its access log is, or that there is none.
func (e *edge) logAccess(ctx context.Context) error {
	err := e.client.LogAccess(ctx, e.accessLog)
	if err != nil && e.accessLog == "" {
		e.log.Warn("edge does not know of access logs", "error", err) // an older one that was adopted
		return nil
	}
	return err
}

// reopenLog has the access log begun anew with each SIGHUP, until ctx ends.
// Without one the signal keeps its usual meaning.
func (e *edge) reopenLog(ctx context.Context) {
	if e.accessLog == "" {
		return
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			if err := e.logAccess(ctx); err != nil {
				e.log.Error("access log was not begun anew", "error", err)
			}
		}
	}
}

// tie gives the command a pipe for its standard input that ends when we do.
func tie(cmd *exec.Cmd) (*os.File, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("tie the edge to this process: %w", err)
	}
	cmd.Stdin = read
	cmd.Args = append(cmd.Args, "--tether")
	return write, nil
}

// listeners are those that there are, in the order of the edge's descriptors.
func (e *edge) listeners() []net.Listener {
	return slices.DeleteFunc([]net.Listener{e.production, e.staging, e.secure}, func(l net.Listener) bool { return l == nil })
}

func (e *edge) files() ([]*os.File, error) {
	var files []*os.File
	for _, l := range e.listeners() {
		tcp, ok := l.(*net.TCPListener)
		if !ok {
			return nil, fmt.Errorf("listener %s is not TCP", l.Addr())
		}
		f, err := tcp.File()
		if err != nil {
			closeAll(files)
			return nil, fmt.Errorf("duplicate listener %s: %w", l.Addr(), err)
		}
		files = append(files, f)
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// answer waits until the edge does, or ctx ends, as it does with the edge.
func (e *edge) answer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, edgePatience)
	defer cancel()
	for {
		if _, err := e.client.Status(ctx); err == nil {
			return nil
		}
		if !wait(ctx, 10*time.Millisecond) {
			return fmt.Errorf("%w after its start, see %s", errNoEdge, e.paths.EdgeLog())
		}
	}
}

// stop ends the edge in order: it finishes what is in flight.
func (e *edge) stop(ctx context.Context) error {
	status, err := e.client.Status(ctx)
	if err != nil {
		return nil //nolint:nilerr // nobody there is what was wanted
	}
	if err := syscall.Kill(status.PID, syscall.SIGTERM); err != nil {
		return fmt.Errorf("end the edge: %w", err)
	}
	for {
		if _, err := e.client.Status(ctx); err != nil && ctx.Err() == nil {
			return nil
		}
		if !wait(ctx, 20*time.Millisecond) {
			return fmt.Errorf("the edge (process %d) did not end: %w", status.PID, ctx.Err())
		}
	}
}

// wait returns false when ctx ended before d was over.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// close lets go of the listeners; the edge keeps its own.
func (e *edge) close() {
	for _, l := range e.listeners() {
		l.Close()
	}
}
