package drivertest

import (
	_ "embed" // of the service's source
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/driver"
)

//go:embed testdata/service/main.go
var source []byte

// Image builds the suite's service with the real toolchain and lays it out in dir
// as an unpacked image. Everybody may read it.
func Image(t *testing.T, dir string) driver.Image {
	t.Helper()
	program := filepath.Join(dir, "app", "service")
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		t.Fatal(err)
	}
	main := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(main, source, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", program, main)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GO111MODULE=off")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the service: %v: %s", err, output)
	}
	return ImageIn(dir)
}

// ImageIn is the image that Image laid out in a folder.
func ImageIn(dir string) driver.Image {
	return driver.Image{
		Digest: "sha256:suite", Root: dir, Entrypoint: []string{"/app/service"}, Cmd: []string{"--from=image"},
		Env: []string{"NAME=image", "KIND=test", "PORT=1"}, User: "65532",
	}
}

// client makes a connection for each request, so that none is left when its
// instance is gone.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
}

// Get asks an instance for a path.
func Get(i driver.Instance, path string) (string, error) {
	resp, err := client().Get("http://" + i.Address + path) //nolint:noctx // the client has a limit
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// Done is what the service answers when something went well.
const Done = "<nil>"

// Try has the service do something, such as "/read" a file, and returns the
// error with which that failed, or Done.
func Try(t *testing.T, i driver.Instance, how, what string) string {
	t.Helper()
	body, err := Get(i, how+"?what="+url.QueryEscape(what))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Spawn has the service start a process that leaves its session and ignores
// SIGTERM, and returns the address where that listens.
func Spawn(t *testing.T, i driver.Instance) (address string) {
	t.Helper()
	address, err := Get(i, "/spawn")
	if err != nil || !Listens(address) {
		t.Fatalf("spawn: %q, %v", address, err)
	}
	return address
}

// Listens says whether somebody accepts connections at an address.
func Listens(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second) //nolint:noctx // it has a limit
	if err != nil {
		return false
	}
	defer conn.Close()
	data, _ := io.ReadAll(conn) // a connection that nobody accepts says nothing
	return len(data) > 0
}

// Self is what the service sees of itself.
type Self struct {
	PID, UID, GID int
	Args, Env     []string
	Status        string // its /proc/self/status
	Dir           string
	Core          uint64 // most bytes of a core dump
	Umask         int
}

// SelfOf asks an instance what it sees of itself.
func SelfOf(t *testing.T, i driver.Instance) Self {
	t.Helper()
	body, err := Get(i, "/self")
	if err != nil {
		t.Fatal(err)
	}
	var self Self
	if err := json.Unmarshal([]byte(body), &self); err != nil {
		t.Fatal(err)
	}
	return self
}

// Until waits for what becomes true by itself.
func Until(t *testing.T, what string, fn func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(15 * time.Second); !fn(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: it did not happen", what)
		}
	}
}
