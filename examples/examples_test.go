package examples_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/davit-dev/davit/examples"
	"github.com/davit-dev/davit/internal/verify"
)

// written writes the service into a folder that does not exist yet.
func written(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "orders")
	if err := examples.WriteOrders(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// goTool runs the host's Go in dir, with no network and no surroundings.
func goTool(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off", "GOFLAGS=", "GOTOOLCHAIN=local", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestNothingIsLeftOut(t *testing.T) {
	names := func(dir string) []string {
		var names []string
		err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && name != "go.mod" && name != "orders" {
				names = append(names, name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if got, want := names(written(t)), names("orders"); !slices.Equal(got, want) {
		t.Errorf("written: %v\nthere is: %v", got, want)
	}
}

func TestWriteOrdersOverwritesNothing(t *testing.T) {
	dir := written(t)
	if err := examples.WriteOrders(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
}

// TestOrdersIsProvable does with the written folder what davit does with it: vet,
// test, build, start, ask what acceptance/ says, and end it.
func TestOrdersIsProvable(t *testing.T) {
	dir := written(t)
	goTool(t, dir, "vet", "./...")
	goTool(t, dir, "test", "./...")
	binary := filepath.Join(t.TempDir(), "orders")
	goTool(t, dir, "build", "-o", binary, ".")

	suite, err := verify.Load(dir, verify.DefaultConfig())
	if err != nil || len(suite.Files) != 1 {
		t.Fatalf("got %+v, %v", suite, err)
	}
	for _, file := range suite.Files {
		for _, assertion := range file.Assertions {
			if request := assertion.Request; request.Method == "GET" && strings.HasPrefix(request.Target, "/orders/") {
				t.Errorf("%q asks for a single order, which the tour leaves to the canary", assertion.Name)
			}
		}
	}
	url, end := start(t, binary, "ORDERS_FAIL_SHARE=1", "ORDERS_VERSION=v2")
	report, err := verify.Run(t.Context(), suite, verify.Site{URL: url, Host: "orders.localhost"})
	if err != nil || !report.Passed {
		t.Errorf("%s: %v", report.Summary(), err)
	}
	end()
}

// start starts the service on a free port, and returns its URL and what ends it.
func start(t *testing.T, binary string, env ...string) (url string, end func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Env = append(env, "HOST=127.0.0.1", "PORT=0")
	logs, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var line struct{ Msg, Address, Version string }
	first, err := bufio.NewReader(logs).ReadBytes('\n')
	if err := errors.Join(err, json.Unmarshal(first, &line)); err != nil || line.Msg != "listening" || line.Version != "v2" {
		t.Errorf("the first line of the log is %q, %v", first, err)
	}
	drained := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, logs)
		drained <- err
	}()
	return "http://" + line.Address, func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := errors.Join(<-drained, cmd.Wait()); err != nil {
			t.Errorf("the service did not end well: %v", err)
		}
	}
}
