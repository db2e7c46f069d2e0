package process_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/driver/drivertest"
	"github.com/davit-dev/davit/internal/driver/process"
)

// TestMain lets the test binary be its own shim.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "shim":
			os.Exit(process.ShimMain(os.Args[2:]))
		case "shim-init":
			os.Exit(process.InitMain(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

func open(t *testing.T, cfg process.Config) *process.Driver {
	t.Helper()
	d, err := process.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestProcess(t *testing.T) {
	for _, level := range []process.Level{process.Namespaces, process.Landlock} {
		t.Run(string(level), func(t *testing.T) {
			if best := open(t, process.Config{Dir: t.TempDir()}).Sandbox(); level == process.Namespaces && best != string(level) {
				t.Skipf("namespaces cannot be had here, only %s", best)
			}
			drivertest.Run(t, func(t *testing.T) drivertest.Open {
				cfg := process.Config{Dir: filepath.Join(t.TempDir(), "instances"), Level: level}
				return func(t *testing.T) drivertest.Driver { return open(t, cfg) }
			})
		})
	}
}

// TestConfinement asks an instance at each level what it can do.
func TestConfinement(t *testing.T) {
	image := drivertest.Image(t)
	for _, level := range []process.Level{process.Namespaces, process.Landlock} {
		t.Run(string(level), func(t *testing.T) {
			data := t.TempDir()
			secret := filepath.Join(data, "secret")
			if err := os.WriteFile(secret, []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
			d := open(t, process.Config{Dir: filepath.Join(data, "instances"), Hidden: []string{data}, Level: level})
			i := start(t, d, driver.Spec{ID: "app-1", App: "app", Image: image, Run: driver.Default()})
			if got := drivertest.Ask(t, i, "/read", secret); got == "<nil>" {
				t.Error("it can read the data folder")
			}
			if got := drivertest.Ask(t, i, "/write", "/app/x"); got == "<nil>" {
				t.Error("it can write to its image")
			}
			if got := drivertest.Ask(t, i, "/write", "/etc/x"); got == "<nil>" {
				t.Error("it can write to /etc")
			}
			self := drivertest.SelfOf(t, i)
			for _, want := range []string{"CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1"} {
				if !strings.Contains(self.Status, want) {
					t.Errorf("%q is not in\n%s", want, self.Status)
				}
			}
			if level != process.Namespaces {
				return
			}
			if self.PID != 1 || self.UID != 65532 {
				t.Errorf("process %d of user %d", self.PID, self.UID)
			}
			if got := drivertest.Ask(t, i, "/write", "/tmp/x"); got != "<nil>" {
				t.Errorf("it cannot write to /tmp: %s", got)
			}
		})
	}
}

func start(t *testing.T, d *process.Driver, spec driver.Spec) driver.Instance {
	t.Helper()
	i, err := d.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Stop(t.Context(), spec.ID, 0); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return i
}

func TestAKilledShimTakesItsProgramAlong(t *testing.T) {
	d := open(t, process.Config{Dir: filepath.Join(t.TempDir(), "instances")})
	i := start(t, d, driver.Spec{ID: "app-1", App: "app", Image: drivertest.Image(t), Run: driver.Default()})
	if err := syscall.Kill(parentOf(t, i.PID), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	drivertest.Until(t, "the end of the program", func() bool {
		_, err := drivertest.Get(i, "/healthz")
		return err != nil
	})
	list, err := d.List(t.Context())
	if err != nil || len(list) != 0 {
		t.Errorf("listed %v, %v", list, err)
	}
}

func parentOf(t *testing.T, pid int) int {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	var state string
	var parent int
	if _, err := fmt.Sscan(rest, &state, &parent); err != nil {
		t.Fatal(err)
	}
	return parent
}

func TestWithoutConfinementItIsRefused(t *testing.T) {
	d := open(t, process.Config{Dir: filepath.Join(t.TempDir(), "instances"), Level: process.None})
	_, err := d.Start(t.Context(), driver.Spec{ID: "app-1", App: "app", Image: drivertest.Image(t), Run: driver.Default()})
	if err == nil || !strings.Contains(err.Error(), "nothing would keep it") {
		t.Errorf("got %v", err)
	}
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "usr", "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	d = open(t, process.Config{Dir: filepath.Join(t.TempDir(), "instances"), Level: process.Landlock})
	image := driver.Image{Root: root, Entrypoint: []string{"/app"}}
	_, err = d.Start(t.Context(), driver.Spec{ID: "app-1", App: "app", Image: image, Run: driver.Default()})
	if err == nil || !strings.Contains(err.Error(), "/usr/lib") {
		t.Errorf("got %v", err)
	}
}

func TestALongFolderIsNoObstacle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	d := open(t, process.Config{Dir: dir})
	begin := time.Now()
	start(t, d, driver.Spec{ID: "app-1", App: "app", Image: drivertest.Image(t), Run: driver.Default()})
	t.Logf("ready after %s", time.Since(begin))
}
