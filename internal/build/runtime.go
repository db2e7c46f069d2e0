package build

import (
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/davit-dev/davit/internal/x/quantity"
)

// proberPath is where the prober is in an image.
const proberPath = "/davit-prober"

// Probe is what the prober does in an image (build.prober).
type Probe struct {
	Path     string            // that is asked for on the port
	Port     int               // where the program listens
	Interval quantity.Duration // between two questions
	Timeout  quantity.Duration // of one
	Start    quantity.Duration // most until the first good answer, and for waiting
	Failures int               // in a row that make it unhealthy
	Wait     []string          // what must answer before the program starts
}

// config is what the image says about running the program, over what its base
// says. It sets no variables of its own: Go finds roots and zones where the base
// has them.
func (b *Builder) config(under v1.Config, c compiled) v1.Config {
	cfg := under
	cfg.Image, cfg.Hostname, cfg.Domainname = "", "", ""
	cfg.Entrypoint, cfg.Cmd = []string{b.pathOf(c.programs, 0)}, b.cfg.Args
	cfg.User, cfg.WorkingDir = b.user, b.cfg.Workdir
	cfg.Labels = b.cfg.Labels
	if b.cfg.StopSignal != "" {
		cfg.StopSignal = b.cfg.StopSignal
	}
	cfg.Env = slices.Clone(under.Env)
	for _, name := range slices.Sorted(maps.Keys(b.cfg.ImageEnv)) {
		cfg.Env = slices.DeleteFunc(cfg.Env, func(pair string) bool { return strings.HasPrefix(pair, name+"=") })
		cfg.Env = append(cfg.Env, name+"="+b.cfg.ImageEnv[name])
	}
	cfg.ExposedPorts = nil
	for _, port := range b.ports {
		if cfg.ExposedPorts == nil {
			cfg.ExposedPorts = map[string]struct{}{}
		}
		cfg.ExposedPorts[port] = struct{}{}
	}
	if b.cfg.Prober {
		b.opts.Probe.apply(&cfg)
	}
	return cfg
}

// apply lets the prober answer for the image's health, and wait before the
// program starts.
func (p Probe) apply(cfg *v1.Config) {
	address := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)) + p.Path
	cfg.Healthcheck = &v1.HealthConfig{
		Test:     []string{"CMD", proberPath, "--timeout", p.Timeout.String(), address},
		Interval: p.Interval.Std(), Timeout: p.Timeout.Std(), StartPeriod: p.Start.Std(), Retries: p.Failures,
	}
	if len(p.Wait) == 0 {
		return
	}
	waiting := []string{proberPath}
	for _, target := range p.Wait {
		waiting = append(waiting, "--wait", target)
	}
	waiting = append(waiting, "--for", p.Start.String(), "--")
	cfg.Entrypoint = append(waiting, cfg.Entrypoint...)
}
