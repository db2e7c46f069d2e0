package process_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/driver/drivertest"
	"github.com/davit-dev/davit/internal/driver/process"
)

// imageVariable names the folder of an image that was built already.
const imageVariable = "DAVIT_TEST_IMAGE"

// TestMain lets the test binary be its own shim, and a control process that is
// to be killed. It fails when the tests leave a process behind.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "shim":
			os.Exit(process.ShimMain(os.Args[2:]))
		case "shim-init":
			os.Exit(process.InitMain(os.Args[2:]))
		case "control":
			os.Exit(control(os.Args[2], os.Args[3], os.Args[4]))
		}
	}
	os.Exit(runAlone(m))
}

// runAlone runs the tests in a folder of their own, by which their processes are
// known.
func runAlone(m *testing.M) int {
	dir, err := os.MkdirTemp("", "davit-process-")
	if err == nil {
		err = errors.Join(os.Chmod(dir, 0o711), os.Setenv("TMPDIR", dir)) // instances are other users
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // the tests mostly wait
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	left := processesWith(dir)
	for deadline := time.Now().Add(5 * time.Second); len(left) > 0 && time.Now().Before(deadline); left = processesWith(dir) {
		time.Sleep(50 * time.Millisecond) // the race detector keeps those that end for a second
	}
	for pid, line := range left {
		fmt.Fprintf(os.Stderr, "FAIL: process %d was left behind: %s\n", pid, line)
		_ = syscall.Kill(pid, syscall.SIGKILL)
		code = 1
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// processesWith returns the processes that have text in their command line.
func processesWith(text string) map[int]string {
	found := map[int]string{}
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		data, err := os.ReadFile(path)
		pid, convErr := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && convErr == nil && pid != os.Getpid() && strings.Contains(string(data), text) {
			found[pid] = string(data)
		}
	}
	return found
}

// control starts an instance and stays until it is killed.
func control(dir, root, how string) int {
	spec := specOf(drivertest.ImageIn(root))
	if how == "masked" { // as in davit's unit for systemd
		syscall.Umask(0o077)
		spec.Run.Volumes = map[string]string{"data": "/app/data"}
	}
	cfg := process.Config{Dir: dir, Tether: how == "tethered", Volumes: filepath.Join(dir, "..", "volumes")}
	d, err := process.New(cfg, slog.New(slog.DiscardHandler))
	if err == nil {
		_, err = d.Start(context.Background(), spec)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("started")
	time.Sleep(time.Minute)
	return 0
}

func specOf(image driver.Image) driver.Spec {
	return driver.Spec{ID: "app-1", App: "app", Image: image, Run: driver.Default()}
}

// open returns a driver whose instances end with the test binary, also when that
// is killed.
func open(t *testing.T, cfg process.Config) *process.Driver {
	t.Helper()
	cfg.Tether = true
	d, err := process.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// best is the level that is reached here, looked for once.
var best = sync.OnceValue(func() string {
	d, err := process.New(process.Config{Dir: "unused"}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err.Error()
	}
	return d.Sandbox()
})

// need skips a test of a level that cannot be had here.
func need(t *testing.T, level process.Level) {
	t.Helper()
	if got := best(); level == process.Namespaces && got != string(level) {
		unshare := exec.CommandContext(t.Context(), "unshare", "-Urmpf", "mount", "-t", "tmpfs", "none", "/tmp")
		if unshare.Run() == nil {
			t.Fatalf("unshare(1) has namespaces here, davit only %s", got)
		}
		t.Skipf("namespaces cannot be had here, only %s", got)
	}
	if level == process.Landlock && process.LandlockABI() < process.LandlockNeeded {
		t.Skip("this kernel has no Landlock, or one that is too old")
	}
}

func start(t *testing.T, d *process.Driver, spec driver.Spec) driver.Instance {
	t.Helper()
	t.Cleanup(func() { stop(t, d, spec.ID) })
	i, err := d.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// stop works also when the test's context has ended.
func stop(t *testing.T, d *process.Driver, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	defer cancel()
	if err := d.Stop(ctx, id, 0); err != nil {
		t.Error(err)
	}
}

// TestProcess is one test so that the service is built once.
func TestProcess(t *testing.T) {
	root := os.Getenv(imageVariable)
	image := drivertest.ImageIn(root)
	if root == "" {
		root = filepath.Join(os.Getenv("TMPDIR"), "image")
		image = drivertest.Image(t, root)
	}
	for _, level := range []process.Level{process.Namespaces, process.Landlock} {
		t.Run(string(level), func(t *testing.T) {
			need(t, level)
			drivertest.Run(t, image, func(t *testing.T) drivertest.Open {
				cfg := process.Config{Dir: filepath.Join(t.TempDir(), "instances"), Level: level}
				return func(t *testing.T) drivertest.Driver { return open(t, cfg) }
			})
		})
	}
	for name, test := range map[string]func(t *testing.T, image driver.Image){
		"namespaces confine":                   namespacesConfine,
		"Landlock confines":                    landlockConfines,
		"every level takes privileges":         everyLevelTakesPrivileges,
		"an image cannot show the host":        imageCannotShowTheHost,
		"root of an image is not the host's":   rootIsNotTheHosts,
		"Reliability29 no sandbox is refused":  unconfinedIsRefused,
		"shim-init by hand is harmless":        initIsHarmlessByHand,
		"Reliability28 secrets stay in memory": secretsStayInMemory,
		"a killed shim takes its program":      killedShim,
		"a shim that hangs is listed, stopped": hangingShim,
		"a shim that cannot write is asked":    shimThatCannotWrite,
		"SIGTERM to a shim is an orderly end":  terminatedShim,
		"instances outlive control":            outliveControl,
		"tethered instances do not":            tethered,
		"a long folder is no obstacle":         longFolder,
		"a quiet instance keeps its log":       quietKeepsLog,
		"a stop can be hurried":                hurried,
		"as an ordinary user":                  ordinaryUser,
		"memory is limited":                    memoryIsLimited,
		"out of memory is a reason":            outOfMemoryIsAReason,
		"CPU time is limited":                  cpuIsLimited,
		"processes are limited":                processesAreLimited,
		"cgroups go with their instance":       cgroupsGo,
		"limits that cannot be had are said":   limitsAreSaid,
		"volumes are kept":                     volumesAreKept,
		"volumes are not others'":              volumesAreApart,
		"volumes of staging go with it":        volumesOfStaging,
		"volumes anywhere in an image":         volumesAnywhere,
		"volumes that cannot be had":           volumesRefused,
		"volumes whatever davit's umask is":    volumesMasked,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, image)
		})
	}
}

// shortDir is a folder whose name leaves room for that of a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "davit-") //nolint:usetesting // those names are long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// ordinaryUser runs what depends on that again as somebody without privileges.
func ordinaryUser(t *testing.T, image driver.Image) {
	if os.Geteuid() != 0 {
		t.Skip("these tests are run by an ordinary user already")
	}
	const user = 65533
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir := shortDir(t) // which everybody can reach, as t.TempDir is not
	binary := filepath.Join(dir, "process.test")
	syscall.ForkLock.RLock() // a process that another test starts meanwhile would hold it open for writing (ETXTBSY)
	err = os.WriteFile(binary, self, 0o755)
	syscall.ForkLock.RUnlock()
	if err := errors.Join(err, os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-test.v", "-test.run=^TestProcess$/"+
		"^(namespaces|.*_confines?|.*_privileges|.*_host|volumes.*|memory_.*|limits.*)$/^(namespaces|landlock|none|starts.*|environment.*|what_does.*|logs)$")
	cmd.Dir = dir
	cmd.Env = []string{"TMPDIR=" + dir, imageVariable + "=" + image.Root, "PATH=" + os.Getenv("PATH"), "HOME=/"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	if !strings.Contains(string(output), "--- PASS: TestProcess/namespaces/") {
		t.Logf("as an ordinary user there are no namespaces here:\n%s", output)
	}
}
