package e2e

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestServiceManager serves on sockets that systemd's own tool has opened, and
// tells the manager when it is ready and when it ends.
func TestServiceManager(t *testing.T) {
	tool := need(t, "systemd-socket-activate")
	dir := t.TempDir()
	p := &platform{t: t, data: filepath.Join(dir, "data"), home: dir}
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = manager.Close() }()
	edge, secure, staging, page := freeAddress(t), freeAddress(t), freeAddress(t), freeAddress(t)
	cmd := exec.Command(tool, "--listen="+edge, "--listen="+secure, "--listen="+staging, "--listen="+page,
		"--fdname=davit-edge:davit-edge-tls:davit-staging:davit-page", "--setenv=NOTIFY_SOCKET="+filepath.Join(dir, "notify"),
		"--setenv=HOME="+dir, binary, "serve", "--data", p.data, "--edge-tls", secure)
	cmd.Env, cmd.Stderr = p.env(), os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	until(t, "the page", 20*time.Second, func() bool { return answers("http://" + page + "/") })
	hears(t, manager, "READY=1")
	if got := p.status().Edge; got.Production != edge || got.Secure != secure {
		t.Errorf("production is on %s and %s, the manager opened %s and %s", got.Production, got.Secure, edge, secure)
	}
	res, err := http.Get("http://" + edge + "/")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	p.must("", "down")
	hears(t, manager, "STOPPING=1")
	if err := <-ended; err != nil {
		t.Errorf("davit serve ended with %v", err)
	}
}

// hears waits for a state that the service tells its manager.
func hears(t *testing.T, manager *net.UnixConn, state string) {
	t.Helper()
	if err := manager.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	message := make([]byte, 4096)
	for {
		n, err := manager.Read(message)
		if err != nil {
			t.Fatalf("waiting for %s: %v", state, err)
		}
		for line := range strings.Lines(string(message[:n])) {
			if strings.TrimSpace(line) == state {
				return
			}
		}
	}
}

// freeAddress returns one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
