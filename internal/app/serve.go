package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/davit-dev/davit/internal/access"
	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/audit"
	"github.com/davit-dev/davit/internal/certificate"
	"github.com/davit-dev/davit/internal/driver/process"
	"github.com/davit-dev/davit/internal/registry"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/secret"
	"github.com/davit-dev/davit/internal/web"
	"github.com/davit-dev/davit/internal/x/systemd"
)

// ServeConfig is what `davit serve` can be told.
type ServeConfig struct {
	Data              string // data folder
	Listen            string // page and registry
	Edge              string // production traffic
	Staging           string // staging traffic
	AccessLog         string // file for a line of each request; "": none
	Limits            EdgeLimits
	Remote            RemoteConfig
	Secure            SecureConfig
	AcceptUnsandboxed bool // run instances although nothing confines them
	// Retain is how long the evidence of releases that ended is kept; 0 is for ever.
	Retain time.Duration
	Tether bool      // end everything when standard input ends
	Stdin  io.Reader // read for Tether
	Log    *slog.Logger
}

// DefaultServeConfig returns the addresses of PRODUCT, all on loopback.
func DefaultServeConfig() ServeConfig {
	return ServeConfig{Listen: "127.0.0.1:7070", Edge: "127.0.0.1:8080", Staging: "127.0.0.1:8081"}
}

// errDown is the cause of an end that takes the apps along.
var errDown = errors.New("shut down")

// shutdownLimit bounds the orderly end of everything.
const shutdownLimit = 45 * time.Second

// Platform is a running control process and what it keeps alive.
type Platform struct {
	cfg     ServeConfig
	paths   Paths
	held    *os.File // the data folder's lock
	journal journal
	images  *registry.Store
	secrets *secret.Store
	edge    *edge
	fleet   *fleet
	router  *router
	engine  *release.Engine
	sockets sockets // that a service manager has opened for us
	page    net.Listener
	socket  net.Listener
	remote  *remote
	// certificates are for production in TLS; nil: nobody has any.
	certificates *certificate.Keeper
	door         access.Door
	password     string
	end          context.CancelCauseFunc

	archiving sync.Mutex // held while a backup is made
}

// Serve runs the platform until ctx ends or somebody shuts it down. When ctx
// ends, apps and edge go on; ready is called with the status once all answers.
func Serve(ctx context.Context, cfg ServeConfig, ready func(api.Status)) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	p, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	p.end = end
	err = p.run(ctx, ready)
	if errors.Is(context.Cause(ctx), errDown) {
		err = errors.Join(err, p.takeDown(context.WithoutCancel(ctx)))
	}
	return errors.Join(err, p.close())
}

// open puts the parts together, in the order in which they need each other:
// folder, journal, images, edge, instances, engine, doors.
func open(ctx context.Context, cfg ServeConfig) (_ *Platform, err error) {
	p := &Platform{cfg: cfg}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if err := p.openFolder(); err != nil {
		return nil, err
	}
	log, err := audit.Open(ctx, p.paths.Data, audit.Options{})
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	p.journal = journal{log}
	if err := p.openDoor(ctx); err != nil {
		return nil, err
	}
	p.images, err = registry.Open(p.paths.Registry(), registry.Options{Held: p.holder, Log: cfg.Log.With("part", "registry")})
	if err != nil {
		return nil, fmt.Errorf("open registry: %w", err)
	}
	if p.secrets, err = secret.Open(p.paths.Data); err != nil {
		return nil, err
	}
	if p.edge, err = openEdge(ctx, p.paths, cfg, p.sockets, cfg.Log.With("part", "edge")); err != nil {
		return nil, err
	}
	if p.certificates, err = p.openCertificates(); err != nil {
		return nil, err
	}
	if err := p.openFleet(); err != nil {
		return nil, err
	}
	p.router = newRouter(p.edge.client, p.fleet.driver)
	p.engine, err = release.New(ctx, release.Deps{
		Journal: p.journal, Fleet: p.fleet, Router: p.router, Plans: plans{p.images}, Log: cfg.Log.With("part", "release"),
		Prover: &prover{fleet: p.fleet, router: p.router, url: "http://" + p.edge.staging.Addr().String()},
	})
	if err != nil {
		return nil, err
	}
	return p, p.openDoors(ctx)
}

func (p *Platform) openFolder() (err error) {
	for flag, address := range map[string]string{"--listen": p.cfg.Listen, "--staging": p.cfg.Staging} {
		if !loopback(address) {
			return fmt.Errorf("%s: %s is not a loopback address such as 127.0.0.1:7070, "+
				"and others are not supported by this version", flag, address)
		}
	}
	if err := p.cfg.Secure.Validate(); err != nil {
		return err
	}
	if p.sockets, err = takeSockets(); err != nil {
		return err
	}
	if p.sockets[edgeTLSSocket] != nil && p.cfg.Secure.Listen == "" {
		return fmt.Errorf("the socket %s is open, and --edge-tls is missing", edgeTLSSocket)
	}
	if p.paths, err = NewPaths(p.cfg.Data); err != nil {
		return err
	}
	if err := p.paths.Make(); err != nil {
		return err
	}
	if p.held, err = lock(p.paths.Lock()); err != nil {
		return err
	}
	p.password, err = password(p.paths.Password())
	return err
}

func (p *Platform) openFleet() error {
	d, err := process.New(process.Config{
		Dir: p.paths.Instances(), Volumes: p.paths.Volumes(), Hidden: []string{p.paths.Data},
		AcceptUnsandboxed: p.cfg.AcceptUnsandboxed, Tether: p.cfg.Tether,
	}, p.cfg.Log.With("part", "driver"))
	if err != nil {
		return err
	}
	p.fleet = &fleet{images: p.images, secrets: p.secrets, driver: d}
	return nil
}

func (p *Platform) openDoors(ctx context.Context) (err error) {
	if p.page, err = p.sockets.listen(ctx, pageSocket, p.cfg.Listen, "--listen"); err != nil {
		return err
	}
	_ = os.Remove(p.paths.API()) // a socket that an earlier process left; we hold the lock
	p.socket, err = (&net.ListenConfig{}).Listen(ctx, "unix", p.paths.API())
	if err != nil {
		return fmt.Errorf("open the API's socket: %w", err)
	}
	if err := os.Chmod(p.paths.API(), 0o600); err != nil {
		return err
	}
	p.remote, err = p.openRemote(ctx)
	return err
}

// holder says which release needs an image.
func (p *Platform) holder(digest string) (string, bool) {
	if p.engine == nil {
		return "a release, which is not known yet", true
	}
	return p.engine.Held(digest)
}

// run starts the parts and waits for the end of all.
func (p *Platform) run(ctx context.Context, ready func(api.Status)) error {
	if err := p.journal.note(ctx, "serving", "davit", map[string]string{"version": Version()}); err != nil {
		return err
	}
	if err := p.edge.prepare(ctx); err != nil {
		return err
	}
	if err := p.edge.brief(ctx); err != nil {
		return err
	}
	desk := &desk{platform: p}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { p.edge.reopenLog(ctx); return nil })
	group.Go(func() error { p.edge.run(ctx); return nil })
	group.Go(func() error { p.edge.renew(ctx); return nil })
	group.Go(func() error { return p.keepCertificates(ctx) })
	group.Go(func() error { return p.engine.Run(ctx) })
	group.Go(func() error { return p.images.Run(ctx) })
	calls := api.NewHandler(desk, desk, desk, p.journal, p.cfg.Log.With("part", "api"))
	group.Go(func() error {
		return serveHTTP(ctx, p.socket, &http.Server{
			Handler: calls, ConnContext: api.ConnContext, ReadHeaderTimeout: 10 * time.Second,
		})
	})
	group.Go(func() error { return p.serveRemote(ctx, desk, calls) })
	group.Go(func() error {
		return serveHTTP(ctx, p.page, &http.Server{Handler: p.front(desk), ReadHeaderTimeout: 10 * time.Second})
	})
	group.Go(func() error { p.keepAlive(ctx); return nil })
	group.Go(func() error { p.retain(ctx); return nil })
	if p.cfg.Tether {
		go p.watchTether()
	}
	if status, err := desk.Status(ctx); err == nil {
		ready(status)
		p.tell(systemd.Ready, systemd.Status(fmt.Sprintf("%d apps, page on %s", len(status.Apps), status.Page)))
	}
	err := group.Wait()
	p.tell(systemd.Stopping)
	return err
}

// tell says something to the service manager, if there is one. That it does not
// listen is no reason to stop.
func (p *Platform) tell(states ...string) {
	if err := systemd.Notify(states...); err != nil {
		p.cfg.Log.Warn("service manager not told", "error", err)
	}
}

// keepAlive tells the service manager, when it wants to know, that control is
// not stuck: it asks the edge and the journal as everybody does.
func (p *Platform) keepAlive(ctx context.Context) {
	interval := systemd.WatchdogInterval()
	if interval == 0 {
		return
	}
	for ctx.Err() == nil {
		if _, err := p.edge.client.Status(ctx); err == nil {
			p.tell(systemd.Alive)
		}
		wait(ctx, interval)
	}
}

// watchTether ends everything with the process that holds the other end.
func (p *Platform) watchTether() {
	_, _ = io.Copy(io.Discard, p.cfg.Stdin) // its end is all that is waited for
	p.end(errDown)
}

// front is what the page's address answers: the registry, and the page.
func (p *Platform) front(desk *desk) http.Handler {
	mux := http.NewServeMux()
	images := registry.Handler(p.images, registry.Auth{Password: p.password})
	mux.Handle("/v2/", images)
	mux.Handle("/v2", images)
	mux.Handle("GET /metrics", p.counted())
	mux.Handle("/", web.Handler(desk, p.journal))
	return guard(mux)
}

// serveHTTP serves until ctx ends, then gives requests a moment to finish.
func serveHTTP(ctx context.Context, l net.Listener, server *http.Server) error {
	stop := context.AfterFunc(ctx, func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(bounded) != nil {
			server.Close()
		}
	})
	defer stop()
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

// takeDown ends the edge, so that nothing new comes in, and then the apps.
func (p *Platform) takeDown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, shutdownLimit)
	defer cancel()
	return errors.Join(p.edge.stop(ctx), p.fleet.stopAll(ctx, shutdownLimit/2))
}

// close releases what open took, in reverse.
func (p *Platform) close() error {
	var errs []error
	for _, l := range []net.Listener{p.socket, p.page} {
		if l != nil {
			l.Close()
		}
	}
	if p.remote != nil {
		p.remote.listener.Close()
	}
	if p.edge != nil {
		p.edge.close()
	}
	if p.images != nil {
		errs = append(errs, p.images.Close())
	}
	if p.journal.log != nil {
		errs = append(errs, p.journal.log.Close())
	}
	if p.held != nil {
		p.held.Close()
	}
	return errors.Join(errs...)
}
