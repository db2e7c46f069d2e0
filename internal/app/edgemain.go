package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// The file descriptors that control hands to the edge.
const (
	fdProduction = 3
	fdStaging    = 4
	fdSecure     = 5 // with --tls
)

// garbage is how much more memory than what is in use may be garbage, in percent.
// The edge holds a few megabytes, and each request makes some kilobytes of garbage:
// collecting it a quarter as often saves a tenth of the CPU time.
const garbage = 400

// EdgeConfig is what the edge process is told on its command line.
type EdgeConfig struct {
	Data   string // data folder
	Limits EdgeLimits
	TLS    bool // control hands over a listener for it
	Tether bool // end when standard input does
}

// RunEdge is the edge process: it serves on the listeners that control handed
// over until ctx ends, or, with a tether, until standard input does.
func RunEdge(ctx context.Context, cfg EdgeConfig, log *slog.Logger) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	paths, err := NewPaths(cfg.Data)
	if err != nil {
		return err
	}
	deps := traffic.Deps{Log: log}
	if err := inheritAll(&deps, cfg.TLS); err != nil {
		return err
	}
	edge, err := traffic.New(traffic.Config{
		Socket: paths.EdgeSocket(), TableFile: paths.Table(), KeyFile: paths.EdgeKey(), SecureFile: paths.Secure(),
		Limits: cfg.Limits.traffic(),
	}, deps)
	if err != nil {
		return err
	}
	if cfg.Tether {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin) // its end is all that is waited for
			cancel()
		}()
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	go func() { // ends with the process, as edge.Run does
		for range hangup {
			if err := edge.ReopenAccessLog(); err != nil {
				log.Error("access log was not begun anew", "error", err)
			}
		}
	}()
	return edge.Run(ctx)
}

// inheritAll takes the listeners that control handed over.
func inheritAll(deps *traffic.Deps, secure bool) (err error) {
	if deps.Production, err = inherited(fdProduction, "production"); err != nil {
		return err
	}
	if deps.Staging, err = inherited(fdStaging, "staging"); err != nil {
		return err
	}
	if secure {
		deps.Secure, err = inherited(fdSecure, "secure")
	}
	return err
}

func inherited(fd uintptr, name string) (net.Listener, error) {
	f := os.NewFile(fd, name)
	if f == nil {
		return nil, fmt.Errorf("no %s listener on descriptor %d: 'davit serve' starts the edge", name, fd)
	}
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("no %s listener on descriptor %d, 'davit serve' starts the edge: %w", name, fd, err)
	}
	return l, nil
}
