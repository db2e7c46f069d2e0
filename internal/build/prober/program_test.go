package prober_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// run returns what the prober says, and its exit code.
func run(t *testing.T, path string, env []string, args ...string) (said string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if stdout.Len() > 0 {
		t.Errorf("%q: on standard output it says %q", args, &stdout)
	}
	return stderr.String(), cmd.ProcessState.ExitCode()
}

// listen answers every connection by handing it over, and waits in the end for
// those that it did.
func listen(t *testing.T, address string, handle func(conn net.Conn)) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Skipf("listen on %s: %v", address, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			handle(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// says answers every request with a text, and then waits for the end of the
// connection when it is told to.
func says(t *testing.T, text string, stays bool) string {
	t.Helper()
	return "http://" + listen(t, "127.0.0.1:0", func(conn net.Conn) {
		for request := []byte{}; !bytes.HasSuffix(request, []byte("\r\n\r\n")); { // else the close is a reset
			one := make([]byte, 1)
			if _, err := conn.Read(one); err != nil {
				return
			}
			request = append(request, one...)
		}
		_, _ = io.WriteString(conn, text)
		if stays {
			_, _ = io.Copy(io.Discard, conn)
		}
	}) + "/"
}

func service(t *testing.T) *httptest.Server {
	t.Helper()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-release
		case "/moved":
			http.Redirect(w, r, "/sick", http.StatusFound)
		case "/chunked":
			_ = http.NewResponseController(w).Flush()
			<-release
		case "/healthz":
			if r.Host == "" || r.URL.RawQuery != "a=b" || r.UserAgent() != "davit-health" {
				w.WriteHeader(http.StatusBadRequest)
			}
		default:
			if status, err := strconv.Atoi(r.URL.Path[1:]); err == nil {
				w.WriteHeader(status)
			} else if r.URL.Path != "/ä b" && r.URL.Path != "/" {
				w.WriteHeader(http.StatusNotFound)
			}
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	return server
}

func TestHealth(t *testing.T) {
	path, server := built(t, t.TempDir(), runtime.GOARCH), service(t)
	address := server.Listener.Addr().String()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		target string
		code   int
		want   string
	}{
		{server.URL, 0, ""},
		{server.URL + "/healthz?a=b", 0, ""},
		{server.URL + "/ä b", 0, ""},
		{server.URL + "?a", 0, ""},
		{server.URL + "/$METHOD", 1, "GET /$METHOD: 404 Not Found"},
		{server.URL + "/200$EVIL", 1, "404"},
		{"http://localhost:$PORT/healthz?a=b#x", 0, ""},
		{"http://127.0.0.1:$(PORT)/healthz?a=b", 0, ""},
		{"http://${ADDRESS}/healthz?a=b", 0, ""},
		{"tcp://127.0.0.1:$PORT", 0, ""},
		{server.URL + "/chunked", 0, ""},
		{server.URL + "/moved", 0, ""},
		{server.URL + "/204", 0, ""},
		{server.URL + "/304", 0, ""},
		{server.URL + "/400", 1, "GET /400: 400 Bad Request"},
		{server.URL + "/503", 1, "GET /503: 503 Service Unavailable"},
		{server.URL + "/slow", 1, "GET /slow: no answer in time"},
		{"http://127.0.0.1:1/", 1, "127.0.0.1:1: connect: connection refused"},
		{"tcp://127.0.0.1:1", 1, "127.0.0.1:1: connect: connection refused"},
		{"https://127.0.0.1/", 1, "https://127.0.0.1/ cannot be asked, since there is no TLS"},
		{"http://127.0.0.1:$(NONE)/", 1, `"127.0.0.1:$(NONE)": a variable is not set`},
		{"http://$NONE/", 1, `"$NONE": a variable is not set`},
		{"tcp://127.0.0.1", 1, "names no port"},
		{"http:///x", 1, "names no host"},
		{"127.0.0.1:80", 1, "is neither http://HOST:PORT/PATH nor tcp://HOST:PORT"},
		{"ftp://127.0.0.1:80", 1, "is neither"},
		{"http://a@127.0.0.1/", 1, "none of a host's"},
		{"http://davit.invalid:80/", 1, "davit.invalid"},
		{says(t, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", true), 0, ""},
		{says(t, "HTTP/1.0 200\nA: b\n c\n\n", true), 0, ""},
		{says(t, "HTTP/1.1 200 OK\r\nA: "+strings.Repeat("x", 60<<10)+"\r\n\r\n", true), 0, ""},
		{says(t, "HTTP/1.1 200 OK\r\nA: "+strings.Repeat("x", 64<<10)+"\r\n\r\n", true), 1, "longer than 65536 bytes"},
		{says(t, strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 4000), true), 1, "longer than 65536 bytes"},
		{says(t, "HTTP/1.1 101 Switching Protocols\r\n\r\n", true), 1, "101 Switching Protocols"},
		{says(t, "HTTP/1.1 200 OK\r\nA: b\r\n", true), 1, "no answer in time"},
		{says(t, "HTTP/1.1 200 OK\r\nA: b\r\n", false), 1, "ended before the answer did"},
		{says(t, "HTTP/1.1 200 OK\r\nA b\r\n\r\n", true), 1, `a header line that is none: "A b"`},
		{says(t, "HTTP/1.1 20 OK\r\n\r\n", true), 1, "is not HTTP/1"},
		{says(t, "HTTP/2 200\r\n\r\n", true), 1, "is not HTTP/1"},
		{says(t, "SSH-2.0-\x1b[2J\r\n", true), 1, `the answer is not HTTP/1: "SSH-2.0-\x1b[2J"`},
		{says(t, "", false), 1, "ended before the answer did"},
	} {
		env := []string{"PORT=" + port, "ADDRESS=" + address, "EVIL= HTTP/1.1\r\nX: y"}
		said, code := run(t, path, env, "--timeout", "400ms", c.target)
		if code != c.code || !strings.Contains(said, c.want) || strings.Count(said, "\n") != c.code {
			t.Errorf("%s: exit %d, %q; want %d, %q", c.target, code, said, c.code, c.want)
		}
	}
}

func TestHealthOverIPv6(t *testing.T) {
	path := built(t, t.TempDir(), runtime.GOARCH)
	address := listen(t, "[::1]:0", func(conn net.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, 4))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
	})
	for _, target := range []string{"http://" + address, "tcp://" + address} {
		if said, code := run(t, path, nil, target); code != 0 {
			t.Errorf("%s: exit %d, %q", target, code, said)
		}
	}
	if said, code := run(t, path, nil, "--timeout=300ms", "http://[::1]/"); code != 1 || !strings.Contains(said, "[::1]:80: ") {
		t.Errorf("without a port: exit %d, %q", code, said)
	}
}

func TestStatusAndTimeout(t *testing.T) {
	path, server := built(t, t.TempDir(), runtime.GOARCH), service(t)
	for args, want := range map[string]int{
		"--status 503 /503": 0, "--status=503 /200": 1, "--status 200-299 /302": 1, "--status 200-299 /299": 0, "--status 100-599 --timeout 1s /404": 0,
	} {
		fields := strings.Fields(args)
		fields[len(fields)-1] = server.URL + fields[len(fields)-1]
		if said, code := run(t, path, nil, fields...); code != want {
			t.Errorf("%s: exit %d, %q", args, code, said)
		}
	}
	begin := time.Now()
	if said, code := run(t, path, nil, "--timeout=200ms", server.URL+"/slow"); code != 1 || time.Since(begin) < 200*time.Millisecond || time.Since(begin) > 5*time.Second {
		t.Errorf("exit %d, %q after %s", code, said, time.Since(begin))
	}
}

func TestWrongUse(t *testing.T) {
	path := built(t, t.TempDir(), runtime.GOARCH)
	for args, want := range map[string]string{
		"": "usage: ", "tcp://a:1 tcp://b:1": "usage: ", "tcp://a:1 -- b": "usage: ", "-- b": "usage: ", "--wait tcp://a:1": "usage: ",
		"--wait tcp://a:1 --": "usage: ", "--wait tcp://a:1 tcp://a:2 -- b": "usage: ", "--timeout": "--timeout needs a value",
		"--timeout x tcp://a:1": `--timeout: "x" is not a time above zero`, "--timeout 0s tcp://a:1": "above zero", "--for -1s --wait tcp://a:1 -- b": "above zero",
		"--x=y tcp://a:1": "--x is not an option", "--status 2xx tcp://a:1": "is not a status", "--status 300-200 tcp://a:1": "is not a status",
		"--status 1 tcp://a:1": "is not a status", "--wait https://a -- b": "no TLS", "--wait a -- b": "--wait: a is neither",
	} {
		said, code := run(t, path, nil, strings.Fields(args)...)
		if code != 1 || !strings.HasPrefix(said, "davit-prober: ") || !strings.Contains(said, want) || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: exit %d, %q; want %q", args, code, said, want)
		}
	}
}

// TestWaiting: the program starts when all have answered, in the process of the
// prober.
func TestWaiting(t *testing.T) {
	path := built(t, t.TempDir(), runtime.GOARCH)
	var asked, connected atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 4 {
			w.WriteHeader(http.StatusBadGateway)
		} else {
			w.WriteHeader(http.StatusNotFound) // somebody is there
		}
	}))
	defer server.Close()
	address := listen(t, "127.0.0.1:0", func(net.Conn) { connected.Add(1) })
	cmd := exec.CommandContext(t.Context(), path, "--wait", server.URL, "--wait=tcp://$(DB)", "--for", "20s", "--", "sh", "-c", `echo $$ "$0" "$*" $A; exit 7`, "x y", "--wait", "$(A)")
	cmd.Env = []string{"PATH=/nowhere:/etc:" + os.Getenv("PATH"), "A=B", "DB=" + address}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 7 {
		t.Fatalf("%v, %s", err, output.String())
	}
	if want := fmt.Sprintf("%d x y --wait $(A) B\n", cmd.Process.Pid); output.String() != want {
		t.Errorf("it says %q, want %q", output.String(), want)
	}
	if asked.Load() != 4 || connected.Load() != 1 {
		t.Errorf("%d questions and %d connections", asked.Load(), connected.Load())
	}
}

func TestWaitingEnds(t *testing.T) {
	path, server := built(t, t.TempDir(), runtime.GOARCH), service(t)
	for target, want := range map[string]string{
		"tcp://127.0.0.1:1":   "tcp://127.0.0.1:1 does not answer: 127.0.0.1:1: connect: connection refused",
		server.URL + "/500":   "/500 does not answer: GET /500: 500 Internal Server Error",
		server.URL + "/slow":  "/slow does not answer: GET /slow: no answer in time",
		"http://$HOST:1/x":    "http://$HOST:1/x does not answer: 127.0.0.1:1",
		server.URL + "/100.5": "start /nowhere/x: no such file or directory",
	} {
		begin := time.Now()
		said, code := run(t, path, []string{"HOST=127.0.0.1"}, "--wait", target, "--for", "300ms", "--timeout=10s", "--", "/nowhere/x")
		took := time.Since(begin)
		if code != 1 || !strings.Contains(said, want) || strings.Count(said, "\n") != 1 || took > 5*time.Second {
			t.Errorf("%s: exit %d, %q after %s; want %q", target, code, said, took, want)
		}
		if strings.Contains(want, "does not answer") && took < 300*time.Millisecond {
			t.Errorf("%s: given up after %s", target, took)
		}
	}
	said, code := run(t, path, nil, "--wait", server.URL, "--", "none")
	if code != 1 || !strings.Contains(said, "start none: it is not on PATH") {
		t.Errorf("exit %d, %q", code, said)
	}
}

// TestWaitingIsInterrupted: who stops a container does not wait for what it
// waits for.
func TestWaitingIsInterrupted(t *testing.T) {
	path := built(t, t.TempDir(), runtime.GOARCH)
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		select {
		case asked <- struct{}{}:
		default:
		}
	}))
	defer server.Close()
	cmd := exec.CommandContext(t.Context(), path, "--wait", server.URL, "--for", "1h", "--", "/bin/true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	exit := (*exec.ExitError)(nil)
	if err := cmd.Wait(); !errors.As(err, &exit) || !exit.Sys().(syscall.WaitStatus).Signaled() {
		t.Errorf("it ended with %v", err)
	}
}
