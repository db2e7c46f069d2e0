package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// proxy is one of those that are compared, in front of the same backend.
type proxy struct {
	name    string
	address string
	process *process
}

const (
	// heat is how long a proxy is loaded for each figure.
	heat = 3 * time.Second
	// openRate is the load at which latencies are compared, in requests a second:
	// what the slowest of them can do on half a core.
	openRate = 1000
)

// proxies compares the edge with Caddy and nginx: requests for each second of CPU
// time with kept connections, and the 99th percentile at equal load.
func (b *bench) proxies(ctx context.Context, t *table) (err error) {
	server := sized()
	defer server.Close()
	backend := server.Listener.Addr().String()
	all, err := b.startProxies(ctx, backend)
	for _, p := range all {
		defer func() { err = errors.Join(err, p.process.stop()) }()
	}
	if err != nil {
		return err
	}
	for _, size := range []int{1 << 10, 64 << 10} {
		costs, tails := map[string][]float64{}, map[string][]float64{}
		for range b.rounds {
			for _, p := range all {
				rate, err := perSecond(ctx, p, size)
				if err != nil {
					return fmt.Errorf("%s: %w", p.name, err)
				}
				costs[p.name] = append(costs[p.name], rate)
				tail, err := open(ctx, p.address, "a", size, openRate, heat)
				if err != nil {
					return fmt.Errorf("%s: %w", p.name, err)
				}
				tails[p.name] = append(tails[p.name], tail.Seconds()*1000)
			}
		}
		report(t, all, size, costs, tails)
	}
	return nil
}

// perSecond returns how many requests a proxy serves for a second of CPU time.
func perSecond(ctx context.Context, p proxy, size int) (float64, error) {
	before, err := p.process.cpu()
	if err != nil {
		return 0, err
	}
	done, err := closed(ctx, p.address, "a", size, heat)
	if err != nil {
		return 0, err
	}
	after, err := p.process.cpu()
	return float64(done) / (after - before).Seconds(), err
}

func report(t *table, all []proxy, size int, costs, tails map[string][]float64) {
	for _, p := range all {
		t.note(fmt.Sprintf("%s, %d kB: requests for a second of CPU time", p.name, size>>10), median(costs[p.name]), "")
		t.note(fmt.Sprintf("%s, %d kB: 99th percentile at %d requests/s", p.name, size>>10, openRate), median(tails[p.name]), "ms")
	}
	t.least(fmt.Sprintf("davit / Caddy, %d kB: requests for a second of CPU time", size>>10), ratio(costs["davit"], costs["caddy"]), 1.5, "×")
	t.most(fmt.Sprintf("davit / Caddy, %d kB: 99th percentile", size>>10), ratio(tails["davit"], tails["caddy"]), 1, "×")
	if len(costs["nginx"]) > 0 {
		t.note(fmt.Sprintf("davit / nginx, %d kB: requests for a second of CPU time", size>>10), ratio(costs["davit"], costs["nginx"]), "×")
	}
}

// ratio is the median of the ratios of rounds that lay next to each other.
func ratio(a, b []float64) float64 {
	var all []float64
	for i := range min(len(a), len(b)) {
		all = append(all, a[i]/b[i])
	}
	return median(all)
}

// startProxies starts all of them; those that run are returned with an error, too.
func (b *bench) startProxies(ctx context.Context, backend string) ([]proxy, error) {
	e, err := b.startEdge(ctx)
	if err != nil {
		return nil, err
	}
	all := []proxy{{"davit", e.address, e.process}}
	if err := e.route(ctx, target("r1", backend), target("r2", backend), 0.05); err != nil {
		return all, err
	}
	caddy, err := b.startCaddy(ctx, backend)
	if err != nil {
		return all, err
	}
	all = append(all, caddy)
	if b.nginx != "" {
		nginx, err := b.startNginx(ctx, backend)
		if err != nil {
			return all, err
		}
		all = append(all, nginx)
	}
	for _, p := range all {
		if err := eventually(ctx, p.name+" answers", func() bool {
			c := newClient(p.address, "a", 1)
			defer c.close()
			return c.do(ctx) == nil
		}); err != nil {
			return all, err
		}
	}
	return all, nil
}

func (b *bench) startCaddy(ctx context.Context, backend string) (proxy, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return proxy{}, err
	}
	config := fmt.Sprintf("{\n\tadmin off\n\tauto_https off\n}\nhttp://%s, http://a {\n\tbind 127.0.0.1\n\treverse_proxy %s\n}\n", address, backend)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return proxy{}, err
	}
	config = strings.ReplaceAll(config, "http://a {", "http://a:"+port+" {")
	name := filepath.Join(b.dir, "Caddyfile")
	if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
		return proxy{}, err
	}
	p, err := start(b.dir, []string{"XDG_DATA_HOME=" + b.dir, "XDG_CONFIG_HOME=" + b.dir}, nil, b.caddy, "run", "--config", name, "--adapter", "caddyfile")
	return proxy{"caddy", address, p}, err
}

func (b *bench) startNginx(ctx context.Context, backend string) (proxy, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return proxy{}, err
	}
	dir := filepath.Join(b.dir, "nginx")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return proxy{}, err
	}
	config := fmt.Sprintf(`daemon off;
worker_processes 2;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	keepalive_requests 1000000000;
	upstream backend { server %[2]s; keepalive 512; keepalive_requests 1000000000; }
	server {
		listen %[3]s;
		location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; }
	}
}
`, dir, backend, address)
	name := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
		return proxy{}, err
	}
	p, err := start(b.dir, nil, nil, b.nginx, "-c", name, "-e", filepath.Join(dir, "error.log"))
	return proxy{"nginx", address, p}, err
}
