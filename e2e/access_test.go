package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// machine is another one than the server's: a home of its own, no data folder, and
// nothing but a URL and a token.
type machine struct {
	t    *testing.T
	home string
	env  []string
}

func newMachine(t *testing.T, more ...string) *machine {
	t.Helper()
	m := &machine{t: t, home: t.TempDir()}
	r := runCommand(t, "", os.Environ(), "go", "env", "-json", "GOPATH", "GOMODCACHE", "GOCACHE", "GOPROXY", "GOTOOLCHAIN")
	var golang map[string]string
	if err := json.Unmarshal([]byte(r.stdout), &golang); err != nil {
		t.Fatalf("go env: %v: %s", err, r.stderr)
	}
	m.env = append(more, "HOME="+m.home, "PATH="+os.Getenv("PATH"), "DAVIT_DATA="+filepath.Join(m.home, "nothing"), "NO_COLOR=1")
	for name, value := range golang {
		m.env = append(m.env, name+"="+value)
	}
	return m
}

func (m *machine) run(dir, stdin, name string, args ...string) result {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, m.env, strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		m.t.Fatalf("%s: %v", name, err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func (m *machine) must(dir string, args ...string) string {
	m.t.Helper()
	return clean(m.t, m.run(dir, "", binary, args...))
}

// refused wants a command to be refused with words that say why and what next.
func (m *machine) refused(dir string, words []string, args ...string) {
	m.t.Helper()
	r := m.run(dir, "", binary, args...)
	if r.code != 3 {
		m.t.Errorf("davit %s: exit %d, want 3: %s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	for _, word := range words {
		if !strings.Contains(r.stderr, word) {
			m.t.Errorf("davit %s says %q, and not %q", strings.Join(args, " "), r.stderr, word)
		}
	}
}

// host is a server that other machines ask, and what its operator hands out.
type host struct {
	*platform

	url, fingerprint string
	source           string // of orders
}

func newHost(t *testing.T) *host {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close() // it has to be the same after a restart
	h := &host{platform: newPlatform(t, "--listen-api", free.Addr().String()), source: ordersSource(t, "v1", "0", "1s")}
	var s struct {
		API struct{ URL, Fingerprint string }
	}
	if err := json.Unmarshal([]byte(h.must("", "status", "--json")), &s); err != nil {
		t.Fatal(err)
	}
	h.url, h.fingerprint = s.API.URL, s.API.Fingerprint
	return h
}

// token returns the key of a new token and its ID.
func (h *host) token(name, role string, apps ...string) (key, id string) {
	h.t.Helper()
	args := []string{"token", "create", name, "--role", role}
	for _, app := range apps {
		args = append(args, "--app", app)
	}
	key = strings.TrimSpace(h.must("", args...))
	parts := strings.Split(key, "_")
	if len(parts) != 3 {
		h.t.Fatalf("the token is %q", key)
	}
	return key, parts[1]
}

// holder is a machine that finds the server as CI does.
func (h *host) holder(t *testing.T, key string) *machine {
	t.Helper()
	return newMachine(t, "DAVIT_SERVER="+h.url, "DAVIT_TOKEN="+key, "DAVIT_FINGERPRINT="+h.fingerprint)
}

// TestAccessFromAnotherMachine goes the whole way with a token: in, live, seen,
// refused where it ends, back from the page, through a restart, and out.
func TestAccessFromAnotherMachine(t *testing.T) {
	h := newHost(t)
	key, id := h.token("ci", "deployer", "orders")
	m := newMachine(t)
	m.logsIn(h, key)
	if out := m.must(h.source, "ship", "--skip-tests", "--server", h.url); !strings.Contains(out, "orders-1 live") {
		t.Fatalf("ship: %s", out)
	}
	t.Run("what it sees", func(t *testing.T) { m.sees(t, h, id) })
	t.Run("who is refused", func(t *testing.T) { h.refuses(t) })
	t.Run("the registry", func(t *testing.T) { h.registry(t) })
	t.Run("the page", func(t *testing.T) { h.backFromThePage(t, m) })
	t.Run("another control", func(t *testing.T) {
		h.kill()
		h.start()
		m.must("", "status", "--server", h.url)
	})
	t.Run("revoked", func(t *testing.T) { m.isRevoked(t, h, id) })
	if secret := key[strings.LastIndex(key, "_")+1:]; strings.Contains(h.everything(t), secret) {
		t.Error("the token is in the data folder, the log, or a list")
	}
}

func (m *machine) logsIn(h *host, key string) {
	m.t.Helper()
	if r := m.run("", key, binary, "login", h.url); r.code != 3 || !strings.Contains(r.stderr, "--fingerprint "+h.fingerprint) {
		m.t.Errorf("a certificate that nobody vouches for: exit %d: %s", r.code, r.stderr)
	}
	clean(m.t, m.run("", key, binary, "login", "--fingerprint", h.fingerprint, h.url))
	info, err := os.Stat(filepath.Join(m.home, ".config", "davit", "logins.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		m.t.Errorf("the login: %v, %v", info, err)
	}
}

func (m *machine) sees(t *testing.T, h *host, id string) {
	for want, args := range map[string][]string{
		"orders":            {"status"},
		`"live":"orders-1"`: {"status", "--json"},
		"sha256:":           {"show", "orders-1"},
		"listening":         {"logs", "orders"},
	} {
		if out := m.must("", append(args, "--server", h.url)...); !strings.Contains(out, want) {
			t.Errorf("davit %s: %s", strings.Join(args, " "), out)
		}
	}
	m.refused("", []string{"for some apps", "about all of them"}, "audit", "verify", "--server", h.url)
	board, _ := h.token("board", "viewer")
	if out := h.holder(t, board).must("", "audit", "verify"); !strings.Contains(out, "whole") {
		t.Errorf("audit verify: %s", out)
	}
	if out := h.must("", "audit", "list"); !strings.Contains(out, "token ci ("+id+")") {
		t.Errorf("the journal does not name the token: %s", out)
	}
}

func (h *host) refuses(t *testing.T) {
	viewer, _ := h.token("looks", "viewer", "orders")
	h.holder(t, viewer).refused(h.source, []string{`has the role "viewer"`, `needs "deployer"`, "hint: ", "--role deployer"}, "ship", "--skip-tests")
	other, _ := h.token("other", "deployer", "billing")
	stranger := h.holder(t, other)
	stranger.refused(h.source, []string{`is not for the app "orders"`}, "ship", "--skip-tests")
	stranger.refused("", []string{`is not for the app "orders"`}, "rollback", "orders")
	thief := ordersSource(t, "v1", "0", "1s")
	write(t, thief, "davit.yaml", "name: billing\nhosts: [orders.localhost/login]\n")
	stranger.refused(thief, []string{"orders.localhost/login has the host of another app"}, "ship", "--skip-tests")
	stranger.refused("", []string{`needs "admin"`}, "token", "list")
}

func (m *machine) isRevoked(t *testing.T, h *host, id string) {
	follow := exec.CommandContext(t.Context(), binary, "logs", "orders", "--follow", "--server", h.url)
	follow.Env = m.env
	lines, err := follow.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := lines.Read(make([]byte, 1)); err != nil {
		t.Errorf("nothing to follow: %v", err)
	}
	h.must("", "token", "revoke", id)
	if err := drain(lines); err != nil {
		t.Errorf("follow: %v", err)
	}
	_ = follow.Wait() // that it ends is what was waited for
	m.refused(h.source, []string{"unknown or was revoked", "hint: "}, "ship", "--skip-tests", "--server", h.url)
}

// registry lets other clients push and pull with a token as the password.
func (h *host) registry(t *testing.T) {
	key, _ := h.token("docker", "deployer", "orders")
	address := strings.TrimPrefix(h.url, "https://")
	trusted := t.TempDir()
	certificate, err := os.ReadFile(filepath.Join(h.data, "api.crt"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, trusted, "ca.crt", string(certificate))
	image := "/orders@" + h.release("orders-1").Image.Digest
	t.Run("crane", func(t *testing.T) {
		crane := need(t, "crane")
		env := append(os.Environ(), "DOCKER_CONFIG="+t.TempDir(), "SSL_CERT_FILE="+filepath.Join(trusted, "ca.crt"))
		run := func(args ...string) result { return runCommand(t, "", env, crane, args...) }
		if r := run("digest", address+image); r.code == 0 {
			t.Error("somebody without a token pulls")
		}
		clean(t, run("auth", "login", address, "-u", "any", "-p", key))
		layout := filepath.Join(t.TempDir(), "image.tar")
		clean(t, run("pull", address+image, layout))
		clean(t, run("push", layout, address+"/orders:crane"))
		if r := run("push", layout, address+"/billing:crane"); r.code == 0 || !strings.Contains(r.stderr, "403") {
			t.Errorf("another app's repository: exit %d: %s", r.code, r.stderr)
		}
	})
	t.Run("skopeo", func(t *testing.T) {
		skopeo := need(t, "skopeo")
		layout := "oci:" + filepath.Join(t.TempDir(), "layout")
		clean(t, runCommand(t, "", os.Environ(), skopeo, "copy", "--src-cert-dir", trusted, "--src-creds", "any:"+key, "docker://"+address+image, layout))
		to := func(repository, key string) result {
			return runCommand(t, "", os.Environ(), skopeo, "copy", "--dest-cert-dir", trusted, "--dest-creds", "any:"+key, layout, "docker://"+address+repository)
		}
		clean(t, to("/orders:skopeo", key))
		if r := to("/billing:skopeo", key); r.code == 0 || !strings.Contains(r.stderr, "403") {
			t.Errorf("another app's repository: exit %d: %s", r.code, r.stderr)
		}
		viewer, _ := h.token("pulls", "viewer")
		if r := to("/orders:viewer", viewer); r.code == 0 {
			t.Error("a viewer pushes")
		}
	})
}

var proofField = regexp.MustCompile(`name="proof" value="([A-Z2-7]+)"`)

// browser is one without scripts, who trusts the server's certificate.
func (h *host) browser(t *testing.T) *http.Client {
	t.Helper()
	certificate, err := os.ReadFile(filepath.Join(h.data, "api.crt"))
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(certificate) {
		t.Fatalf("the certificate: %v", err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Jar: jar}
}

// backFromThePage ships another version, and goes back from the page.
func (h *host) backFromThePage(t *testing.T, m *machine) {
	startLoad(t, h.edge, "orders.localhost", "/orders/1", 200)
	m.must(ordersSource(t, "v2", "0", "1s"), "ship", "--skip-tests", "--server", h.url)
	key, id := h.token("eve", "deployer", "orders")
	b := h.browser(t)
	ask := func(res *http.Response, err error) (string, string) {
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.Request.URL.Path, readAll(t, res)
	}
	if at, body := ask(b.Get(h.url)); at != "/login" || strings.Contains(body, "orders-2") {
		t.Errorf("without a session one comes to %s: %s", at, body)
	}
	at, body := ask(b.PostForm(h.url+"/login", url.Values{"token": {key}}))
	found := proofField.FindStringSubmatch(body)
	if at != "/" || found == nil {
		t.Fatalf("after the login one comes to %s: %s", at, body)
	}
	if at, body := ask(b.PostForm(h.url+"/act", url.Values{"verb": {"rollback"}, "target": {"orders"}, "proof": {found[1]}})); at != "/" {
		t.Errorf("after the rollback one comes to %s: %s", at, body)
	}
	until(t, "the way back", 30*time.Second, func() bool { return h.status().Apps[0].Live != "orders-2" })
	if out := h.must("", "audit", "list"); !strings.Contains(out, "token eve ("+id+")") {
		t.Errorf("the journal does not say who went back: %s", out)
	}
}

// everything is what the server keeps and shows in text.
func (h *host) everything(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, args := range [][]string{{"token", "list"}, {"token", "list", "--json"}, {"audit", "list", "--json"}, {"status", "--json"}} {
		all.WriteString(h.must("", args...))
	}
	for _, file := range []string{h.log.Name(), filepath.Join(h.data, "control.db"), filepath.Join(h.data, "control.db-wal"), filepath.Join(h.data, "edge.log")} {
		data, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		all.Write(data)
	}
	return all.String()
}
