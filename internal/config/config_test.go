package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/config"
	"github.com/davit-dev/davit/internal/verify"
	"github.com/davit-dev/davit/internal/x/quantity"
)

const module = "example.com/team/orders"

func parse(t *testing.T, text string) config.Config {
	t.Helper()
	cfg, err := config.Parse("davit.yaml", module, []byte(text))
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return cfg
}

func TestNameOf(t *testing.T) {
	for path, want := range map[string]string{
		"github.com/mccutchen/go-httpbin/v2":     "go-httpbin",
		"gopkg.in/yaml.v3":                       "yaml",
		"example.com/Orders":                     "orders",
		"orders":                                 "orders",
		"example.com/my_app.go":                  "my-app-go",
		"example.com/--":                         "app",
		"":                                       "app",
		"example.com/" + strings.Repeat("a", 80): strings.Repeat("a", 63),
		"example.com/" + strings.Repeat("a-", 40): strings.Repeat("a-", 31) + "a",
	} {
		got := config.NameOf(path)
		if got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
		if _, err := config.Parse("f", path, []byte("name: "+got)); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestNothingMeansTheDefaults(t *testing.T) {
	want := config.Default(module)
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "{}", "run:\n", "release:\n  tolerance:\n"} {
		if got := parse(t, text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v", text, got)
		}
	}
	got, err := config.Load(t.TempDir(), module)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("no file: %+v, %v", got, err)
	}
	if want.Name != "orders" || !reflect.DeepEqual(want.Hosts, []string{"orders.localhost"}) {
		t.Errorf("defaults %+v", want)
	}
}

func TestParseSetsWhatItSays(t *testing.T) {
	cfg := parse(t, `
name: shop
build:
  main: ./cmd/shop
  base: scratch
  tags: [netgo]
  env: {GOAMD64: v3}
run:
  port: 9000
  args: []
  env: {A: 1.10, B: yes, C: 0x1F, D: "", E: 2026-01-02}
  health: {path: /up, failures: 1}
  drain: 0s
verify:
  http: none
  load: {request: [GET /, GET /a], rate: 2.5, duration: 10s, p95: 100ms, errors: 0.5%}
release:
  steps: [0.5%, 50%]
  dwell: 0s
  tolerance: {errors: 2%}
  approval: before_live
  affinity: header:X-User
  mirror: 10%
check:
  severity: {DL3020: info}
`)
	want := config.Default(module)
	want.Name, want.Hosts = "shop", []string{"shop.localhost"}
	want.Build.Main, want.Build.Base, want.Build.Tags = build.List{"./cmd/shop"}, "scratch", []string{"netgo"}
	want.Build.Env = map[string]string{"GOAMD64": "v3"}
	want.Run.Port, want.Run.Args, want.Run.Drain = 9000, []string{}, 0
	want.Run.Env = map[string]string{"A": "1.10", "B": "yes", "C": "0x1F", "D": "", "E": "2026-01-02"}
	want.Run.Health.Path, want.Run.Health.Failures = "/up", 1
	want.Verify.HTTP = "none"
	want.Verify.Load = &verify.LoadRun{
		Request: verify.Requests{{Method: "GET", Target: "/"}, {Method: "GET", Target: "/a"}},
		Rate:    2.5, Duration: quantity.Duration(10 * time.Second),
		P95: quantity.Duration(100 * time.Millisecond), Errors: 0.005,
	}
	want.Release.Steps, want.Release.Dwell = []quantity.Share{0.005, 0.5}, 0
	want.Release.Tolerance.Errors, want.Release.Approval = 0.02, "before_live"
	want.Release.Affinity, want.Release.Mirror = "header:X-User", 0.1
	want.Check.Severity = cfg.Check.Severity
	if string(cfg.Check.Severity["DL3020"]) != "info" {
		t.Errorf("severity %v", cfg.Check.Severity)
	}
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got  %+v\nwant %+v", cfg, want)
	}
	one := parse(t, "verify: {load: {request: GET /, rate: 50, duration: 10s, p95: 100ms, errors: 0%}}")
	if len(one.Verify.Load.Request) != 1 {
		t.Errorf("one request: %+v", one.Verify.Load)
	}
}

func TestReliability30ErrorsNameThePlace(t *testing.T) {
	for text, want := range map[string]string{
		"nam: x":                                                 `1:1: unknown key "nam": did you mean "name"?`,
		"run:\n  prot: 1":                                        `2:3: unknown key "prot" in run: did you mean "port"?`,
		"run:\n  health:\n    retries: 1":                        `3:5: unknown key "retries" in run.health (allowed: failures, interval, path, start, timeout)`,
		"port: 8080":                                             `1:1: unknown key "port": did you mean "run.port"?`,
		"run:\n  memory: 256M":                                   `2:11: run.memory: "256M" is not a size such as 256MiB or 1.5GiB, nor none`,
		"run:\n  memory: 4MiB":                                   `2:11: run.memory: 4MiB is not enough for a program`,
		"run:\n  cpu: half":                                      `2:8: run.cpu: "half" is not a number of cores such as 0.5, 2 or 500m, nor none`,
		"run:\n  volumes:\n    data: /tmp/x":                     `3:11: run.volumes.data: /tmp is made anew for each instance`,
		"run: {volumes: {a: /srv, b: /srv/b}}":                   `1:29: run.volumes.b: /srv/b and /srv, of a, are not apart`,
		"targets: {here: {driver: process}}":                     `1:1: targets is not supported by this version`,
		"release:\n  affinity: session":                          `2:13: release.affinity: "session" is not one of none, cookie, client-ip, or header:NAME such as header:X-User-Id`,
		"release:\n  tolerance: {delay: -1s}":                    `2:22: release.tolerance.delay: "-1s" is negative`,
		"run:\n  replicas: 0":                                    `2:13: run.replicas: 0 is not a number of instances from 1 to 64`,
		"run:\n  replicas: 65":                                   `2:13: run.replicas: 65 is not a number of instances from 1 to 64`,
		"build: {prober: true}\nrun: {wait: [\"https://db:1\"]}": `2:14: run.wait[0]: the prober, which waits in an image, has no TLS; use tcp://HOST:PORT`,
		"build: {cgo: true}":                                     `1:14: build.cgo: static has no C library; name a base that has one, such as gcr.io/distroless/base-debian12`,
		"name: a\nrun: {}\nname: b":                              `3:1: name is there twice, first in line 1`,
		"run:\n  env:\n    A: 1\n    A: 2":                       `4:5: run.env.A is there twice, first in line 3`,
		"run:\n  port: abc":                                      `2:9: run.port must be a whole number, not "abc"`,
		"run: {port: 80.5}":                                      `1:13: run.port must be a whole number, not "80.5"`,
		"run: {port: '80'}":                                      `1:13: run.port must be a whole number, not "80"`,
		"run: {port: [80]}":                                      `1:13: run.port must be a whole number, not a list`,
		"run: {port: 99999999999999999999}":                      `1:13: run.port must be a whole number, not "99999999999999999999"`,
		"run: {port: 99999}":                                     `1:13: run.port: 99999 is not a port from 1 to 65535`,
		"run: {port: }":                                          `1:7: run.port has no value; a key that is left out has its default`,
		"run:\n  port:\n  drain: 1s":                             `2:3: run.port has no value`,
		"run: 8080":                                              `1:6: run must be keys with values, not "8080"`,
		"- a":                                                    `1:1: the file must be keys with values, not a list`,
		"just text":                                              `1:1: the file must be keys with values, not "just text"`,
		"hosts: a.b":                                             `1:8: hosts must be a list such as [a, b], not "a.b"`,
		"hosts: [a.b, {}]":                                       `1:14: hosts[1] must be text, not keys with values`,
		"hosts: [a.b, A]":                                        `1:14: hosts[1]: "A" is not a host name`,
		"hosts: [a.b, a.b]":                                      `1:14: hosts[1]: "a.b" is there twice`,
		"hosts: []":                                              `1:8: hosts: 1 to 100 host names are needed`,
		"name: Ä":                                                `1:7: name: "Ä" is not a DNS label`,
		"run:\n  env:\n    [a]: 1":                               `3:5: run.env has a list as a key, where text is needed`,
		"run: {drain: 30}":                                       `1:14: run.drain: "30" is not a duration`,
		"run: {drain: [1s]}":                                     `1:14: run.drain must be text, not a list`,
		"release: {steps: [5%, 25]}":                             `1:23: release.steps[1]: "25" is not a percentage`,
		"release: {steps: [25%, 5%]}":                            `1:24: release.steps[1]: 5% must be above 25%`,
		"release:\n  dwell: 1h":                                  `1:1: release.deadline: 30m is less than 3 steps of 1h`,
		"run: {env: {PORT: 1}}":                                  `1:19: run.env.PORT: is given by davit`,
		"run: {env: {a.b: 1, 'c d': 2}}":                         `1:28: run.env.c d: is not a name`,
		"run: {health: {path: up}}":                              `1:22: run.health.path: "up" must begin with /`,
		"run: {wait: ['tcp://a:1', b]}":                          `1:27: run.wait[1]: "b" is neither`,
		"verify: {load: {request: GET /, rate: 0, duration: 10s, p95: 1s, errors: 0%}}": `1:39: verify.load.rate: must be above 0`,
		"verify: {load: {rate: .inf}}":                           `1:23: verify.load.rate must be a number, not ".inf"`,
		"verify: {load: }":                                       `1:10: verify.load has no value`,
		"verify:\n  load:\n    request:\n    - GET /\n    - GET": `5:7: verify.load.request: `,
		"check: {severity: {DL3020: bad}}":                       `1:28: check.severity.DL3020: "bad" is not a severity`,
		"check: {ignore: [XX1]}":                                 `1:18: check.ignore[0]: `,
		"a: &x 1\nb: *x":                                         `1:4: anchors and aliases are not allowed`,
		"run: {<<: {port: 1}}":                                   `1:7: merge keys (<<) are not allowed`,
		"name: !!str x":                                          `1:7: tags such as !!str are not allowed`,
		"name: a\n---\nname: b":                                  `2:1: a second document begins here`,
		"name: a\nrun: [":                                        `this is not YAML`,
		"run:\n\tport: 1":                                        `2:1: this is not YAML`,
		"name: \xff":                                             `1:7: the file is not UTF-8 here`,
		"# ä\nname: ä\xff":                                       `2:8: the file is not UTF-8 here`,
		"name: " + strings.Repeat("a", 1<<20):                    `1:1: the file is larger than 1048576 bytes`,
		strings.Repeat("[", 20000):                               `this is not YAML`,
	} {
		_, err := config.Parse("davit.yaml", module, []byte(text))
		if err == nil {
			t.Errorf("%.60q: no error", text)
			continue
		}
		first, _, _ := strings.Cut(err.Error(), "\n")
		if !strings.HasPrefix(first, "davit.yaml:") || !strings.Contains(first, want) {
			t.Errorf("%.60q:\ngot  %s\nwant %s", text, first, want)
		}
		if at, ok := errors.AsType[*config.Error](err); !ok || at.Line < 1 || at.Column < 1 {
			t.Errorf("%.60q: error %#v", text, err)
		}
	}
}

func TestAllErrorsAreToldUpToALimit(t *testing.T) {
	_, err := config.Parse("davit.yaml", module, []byte("run: {port: x, drain: y, health: {path: 1, interval: z}}"))
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 3 {
		t.Errorf("got %v", err)
	}
	_, err = config.Parse("davit.yaml", module, []byte("hosts: ["+strings.Repeat("[], ", 1000)+"]"))
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 20 {
		t.Errorf("got %d errors", len(lines))
	}
	_, err = config.Parse("davit.yaml", module, []byte("name: "+strings.Repeat("A", 100_000)))
	if got := len(err.Error()); got > 500 {
		t.Errorf("an error of %d bytes", got)
	}
}

func TestATabHasAHint(t *testing.T) {
	_, err := config.Parse("davit.yaml", module, []byte("run:\n\tport: 1"))
	if at, ok := errors.AsType[*config.Error](err); !ok || !strings.Contains(at.Hint, "tabs") {
		t.Errorf("error %#v", err)
	}
}

// TestReliability30ABombIsCheap: a billion laughs in a few bytes.
func TestReliability30ABombIsCheap(t *testing.T) {
	bomb := "a0: &a0 [x]\n"
	for i := range 60 {
		name, before := string(rune('a'+i%26)), string(rune('a'+(i+25)%26))
		bomb += name + "1: &" + name + "1 [*" + before + "1, *" + before + "1]\n"
	}
	bomb = strings.Replace(bomb, "*z1, *z1", "*a0, *a0", 1)
	start := time.Now()
	if _, err := config.Parse("davit.yaml", module, []byte(bomb)); err == nil {
		t.Error("was taken")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestLoad(t *testing.T) {
	write := func(dir, name, text string) string {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	cfg, err := config.Load(write(t.TempDir(), "davit.yaml", "name: shop"), module)
	if err != nil || cfg.Name != "shop" {
		t.Errorf("%+v, %v", cfg, err)
	}
	linked, piped := t.TempDir(), t.TempDir()
	if err := os.Symlink(write(t.TempDir(), "x", "name: shop")+"/x", filepath.Join(linked, "davit.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(piped, "davit.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	large := write(t.TempDir(), "davit.yaml", "")
	if err := os.Truncate(filepath.Join(large, "davit.yaml"), 1<<30); err != nil {
		t.Fatal(err)
	}
	for want, dir := range map[string]string{
		"davit.yaml:1:1: unknown":                   write(t.TempDir(), "davit.yaml", "x: 1"),
		"davit.yml:1:1: the file must be called":    write(t.TempDir(), "davit.yml", "name: shop"),
		"escapes":                                   linked,
		"davit.yaml:1:1: it is not a regular file":  piped,
		"davit.yaml:1:1: the file is larger than 1": large,
	} {
		if _, err := config.Load(dir, module); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
