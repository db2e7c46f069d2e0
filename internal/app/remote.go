package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/davit-dev/davit/internal/access"
	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/registry"
	"github.com/davit-dev/davit/internal/web"
)

// RemoteConfig is how other machines get in.
type RemoteConfig struct {
	Listen    string // address; "": not at all
	Cert, Key string // files in PEM; "": davit makes its own
}

// Validate says which flags do not go together.
func (c RemoteConfig) Validate() error {
	switch {
	case (c.Cert == "") != (c.Key == ""):
		return errors.New("--api-cert and --api-key go together")
	case c.Listen == "" && c.Cert != "":
		return errors.New("--api-cert needs --listen-api: the address that other machines ask at")
	}
	return nil
}

// args returns c as flags of 'davit serve', from whatever folder.
func (c RemoteConfig) args() []string {
	var args []string
	if c.Listen != "" {
		args = append(args, "--listen-api", c.Listen)
	}
	if c.Cert != "" {
		args = append(args, "--api-cert", c.Cert, "--api-key", c.Key)
	}
	return args
}

// remote is where other machines ask. nil: nowhere.
type remote struct {
	listener net.Listener
	shown    *apiCertificate
}

// openRemote listens; a nil remote without an error is none.
func (p *Platform) openRemote(ctx context.Context) (_ *remote, err error) {
	cfg := p.cfg.Remote
	if cfg.Listen == "" {
		return nil, nil
	}
	if cfg.Cert == "" {
		if cfg.Cert, cfg.Key, err = ownCertificate(p.paths.Data, cfg.Listen); err != nil {
			return nil, err
		}
	}
	r := &remote{}
	if r.shown, err = openCertificate(cfg.Cert, cfg.Key, p.cfg.Log.With("part", "api")); err != nil {
		return nil, err
	}
	if r.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("listen for --listen-api: %w", err)
	}
	return r, nil
}

func (r *remote) status() *api.API {
	if r == nil {
		return nil
	}
	return &api.API{URL: "https://" + reachable(r.listener.Addr().String()), Fingerprint: r.shown.fingerprint()}
}

// reachable puts the name of this machine in the place of an address that means all
// of its addresses, which nobody else can ask at.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return address
	}
	name, err := os.Hostname()
	if err != nil {
		return address
	}
	return net.JoinHostPort(name, port)
}

// unknownLimit is how long somebody may take for a whole request until it is known
// who they are.
const unknownLimit = 30 * time.Second

// serveRemote answers other machines: the API, the registry, metrics and the page.
func (p *Platform) serveRemote(ctx context.Context, desk *desk, calls http.Handler) error {
	if p.remote == nil {
		return nil
	}
	log := p.cfg.Log.With("part", "api")
	p.door.Log = log
	mux := http.NewServeMux()
	mux.Handle("/v1/", api.Gate(&p.door, calls))
	mux.Handle("GET /metrics", api.Gate(&p.door, viewing(p.counted())))
	images := registry.Private(p.images, p.enterRegistry)
	mux.Handle("/v2/", images)
	mux.Handle("/v2", images)
	mux.Handle("/", web.Private(desk, p.journal, desk, &p.door))
	secure := tls.NewListener(access.Bound(p.remote.listener, log), &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: p.remote.shown.get,
	})
	return serveHTTP(ctx, secure, &http.Server{
		// A browser keeps a password that somebody gave it for the registry, and would
		// send it with what another page asks for.
		Handler:           http.NewCrossOriginProtection().Handler(mux),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: unknownLimit, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), // anybody can fill it from outside
	})
}

// viewing lets through who may look at all apps.
func viewing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := api.CallerOf(r.Context())
		if err := errors.Join(c.Need(access.Viewer), c.NeedAll()); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// enterRegistry takes the key of a token as the password.
func (p *Platform) enterRegistry(r *http.Request, password string) (registry.Guest, error) {
	t, err := p.door.Admit(r, password)
	if err != nil {
		return nil, err
	}
	return guest{&p.door, t}, nil
}

// guest is the holder of a token in the registry.
type guest struct {
	door  *access.Door
	token access.Token
}

// Permit implements registry.Guest.
func (g guest) Permit(act registry.Act, repository string) error {
	role := map[registry.Act]access.Role{registry.Pull: access.Viewer, registry.Push: access.Deployer, registry.Delete: access.Admin}[act]
	c := api.HolderOf(g.token)
	if err := c.Need(role); err != nil {
		return err
	}
	return c.NeedApp(appOf(repository))
}

// Answer implements registry.Guest.
func (g guest) Answer(w http.ResponseWriter, r *http.Request, next http.Handler) {
	g.door.Under(w, r, g.token, next)
}
