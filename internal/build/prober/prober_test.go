package prober_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/build/prober"
	"github.com/davit-dev/davit/internal/source"
)

func environment(t *testing.T, arch string) []string {
	t.Helper()
	env, err := source.GoEnv(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return append(env, "GOOS=linux", "GOARCH="+arch)
}

func built(t *testing.T, arch string) string {
	t.Helper()
	path, err := prober.Build(t.Context(), t.TempDir(), environment(t, arch))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run returns what the prober says, and its exit code.
func run(t *testing.T, path string, env []string, args ...string) (said string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = env
	output, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(output), cmd.ProcessState.ExitCode()
}

// raw answers every connection with a text.
func raw(t *testing.T, text string) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte(text))
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

func TestHealth(t *testing.T) {
	path := built(t, "amd64")
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-release
		case "/moved":
			http.Redirect(w, r, "/sick", http.StatusFound)
		case "/sick":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/healthz":
			if r.Host == "" || r.URL.RawQuery != "a=b" {
				w.WriteHeader(http.StatusBadRequest)
			}
		}
	}))
	defer server.Close()
	defer close(release)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		target string
		code   int
		want   string
	}{
		{server.URL + "/healthz?a=b", 0, ""},
		{"http://localhost:$PORT/healthz?a=b#x", 0, ""},
		{"http://127.0.0.1:$(PORT)/healthz?a=b", 0, ""},
		{server.URL + "/moved", 0, ""},
		{server.URL + "/sick", 1, "GET /sick: 503 Service Unavailable"},
		{server.URL + "/slow", 1, "no answer in time"},
		{"tcp://127.0.0.1:$PORT", 0, ""},
		{"http://127.0.0.1:1/", 1, "refused"},
		{"https://127.0.0.1/", 1, "there is no TLS here"},
		{"http://127.0.0.1:$(NONE)/", 1, "$(NONE)"},
		{"http://" + raw(t, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n") + "/", 0, ""},
		{"http://" + raw(t, "SSH-2.0-x\r\n") + "/", 1, "the answer is not HTTP"},
		{"http://" + raw(t, strings.Repeat("x", 20_000)) + "/", 1, "too long"},
		{"http://" + raw(t, "") + "/", 1, "EOF"},
	} {
		said, code := run(t, path, []string{"PORT=" + port}, "--timeout", "300ms", c.target)
		if code != c.code || !strings.Contains(said, c.want) || strings.Count(said, "\n") > 1 {
			t.Errorf("%s: exit %d, %q; want %d, %q", c.target, code, said, c.code, c.want)
		}
	}
	for _, args := range [][]string{nil, {"a", "b"}, {"--timeout"}, {"--timeout=x", "a"}, {"--wait", "a"}, {"--x=y", "a"}, {"a", "--", "b"}} {
		if said, code := run(t, path, nil, args...); code != 2 {
			t.Errorf("%q: exit %d, %q", args, code, said)
		}
	}
}

// TestWaiting: the program starts when all answer, in the process of the prober.
func TestWaiting(t *testing.T) {
	path := built(t, "amd64")
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 4 {
			w.WriteHeader(http.StatusBadGateway)
		} else {
			w.WriteHeader(http.StatusNotFound) // somebody is there
		}
	}))
	defer server.Close()
	cmd := exec.CommandContext(t.Context(), path, "--wait", server.URL, "--wait=tcp://"+server.Listener.Addr().String(), "--for", "20s", "--", "sh", "-c", "echo $$ $0 $A", "x y")
	cmd.Env = []string{"PATH=/nowhere:" + os.Getenv("PATH"), "A=B"}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v, %s", err, output.String())
	}
	if want := fmt.Sprintf("%d x y B\n", cmd.Process.Pid); output.String() != want || asked.Load() != 4 {
		t.Errorf("it says %q after %d questions, want %q", output.String(), asked.Load(), want)
	}
	begin := time.Now()
	said, code := run(t, path, nil, "--wait", "tcp://127.0.0.1:1", "--for", "200ms", "--", "/bin/true")
	if code != 1 || !strings.Contains(said, "tcp://127.0.0.1:1 does not answer") || time.Since(begin) < 200*time.Millisecond {
		t.Errorf("exit %d, %q", code, said)
	}
	if said, code := run(t, path, nil, "--", "none"); code != 1 || !strings.Contains(said, "not on PATH") {
		t.Errorf("exit %d, %q", code, said)
	}
}

func TestSmallAndTheSameEverywhere(t *testing.T) {
	const most = 2_500_000 // bytes
	for _, arch := range []string{"amd64", "arm64"} {
		first, err := os.ReadFile(built(t, arch))
		if err != nil {
			t.Fatal(err)
		}
		second, err := os.ReadFile(built(t, arch))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) || len(first) > most {
			t.Errorf("%s: %d and %d bytes, at most %d wanted", arch, len(first), len(second), most)
		}
	}
}

func TestNothingIsStartedTwice(t *testing.T) {
	cache, env := t.TempDir(), environment(t, "amd64")
	first, err := prober.Build(t.Context(), cache, env)
	if err != nil {
		t.Fatal(err)
	}
	env = append(env, "GOCACHE=off") // with which go builds nothing
	second, err := prober.Build(t.Context(), cache, env)
	if err != nil || second != first {
		t.Errorf("got %s, %v, want %s", second, err, first)
	}
	left, err := os.ReadDir(cache)
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v are in the cache", left, err)
	}
	if _, err := prober.Build(t.Context(), t.TempDir(), env); err == nil {
		t.Error("it builds without a cache")
	}
}
