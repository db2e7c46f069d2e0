package process_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/driver/drivertest"
	"github.com/davit-dev/davit/internal/driver/process"
)

func silent(t *testing.T, i driver.Instance) {
	t.Helper()
	drivertest.Until(t, "the end of the program", func() bool {
		_, err := drivertest.Get(i, "/healthz")
		return err != nil
	})
}

func empty(t *testing.T, d *process.Driver) {
	t.Helper()
	drivertest.Until(t, "the end of the instance", func() bool {
		list, err := d.List(t.Context())
		return err == nil && len(list) == 0
	})
}

// parentOf returns the parent of a process (proc(5), /proc/pid/stat).
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

func killedShim(t *testing.T, image driver.Image) {
	for _, level := range []process.Level{process.Namespaces, process.Landlock} {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			need(t, level)
			dir := filepath.Join(t.TempDir(), "instances")
			d := open(t, process.Config{Dir: dir, Level: level})
			i := start(t, d, specOf(image))
			if err := syscall.Kill(parentOf(t, i.PID), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			silent(t, i)
			empty(t, d)
			if _, err := os.Stat(filepath.Join(dir, "app-1")); err == nil {
				t.Error("its folder is still there")
			}
			if again := start(t, d, specOf(image)); again.State != driver.Ready {
				t.Errorf("started anew: %+v", again)
			}
		})
	}
}

func hangingShim(t *testing.T, image driver.Image) {
	d := open(t, process.Config{Dir: filepath.Join(t.TempDir(), "instances")})
	i := start(t, d, specOf(image))
	if err := syscall.Kill(parentOf(t, i.PID), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	drivertest.Until(t, "the silence", func() bool {
		list, err := d.List(t.Context())
		return err == nil && len(list) == 1 && list[0].Address == i.Address && strings.Contains(list[0].Reason, "does not answer")
	})
	if list, err := d.ListApp(t.Context(), "app"); err != nil || len(list) != 1 || list[0] != i {
		t.Errorf("what it kept on disk is read as %+v, %v, and was %+v", list, err, i)
	}
	stop(t, d, "app-1")
	silent(t, i)
	empty(t, d)
}

func shimThatCannotWrite(t *testing.T, image driver.Image) {
	dir := filepath.Join(t.TempDir(), "instances")
	d := open(t, process.Config{Dir: dir})
	i := start(t, d, specOf(image))
	obstacle := filepath.Join(dir, i.ID, "state.json.new")
	if err := os.MkdirAll(filepath.Join(obstacle, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, _ = drivertest.Get(i, "/exit")
	drivertest.Until(t, "the restart", func() bool {
		list, err := d.ListApp(t.Context(), "app")
		return err == nil && len(list) == 1 && list[0].State == driver.Ready && list[0].Restarts == 1
	})
	stop(t, d, i.ID)
	empty(t, d)
}

func terminatedShim(t *testing.T, image driver.Image) {
	d := open(t, process.Config{Dir: filepath.Join(t.TempDir(), "instances")})
	i := start(t, d, specOf(image))
	shim := parentOf(t, i.PID)
	for _, harmless := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE} {
		if err := syscall.Kill(shim, harmless); err != nil {
			t.Fatal(err)
		}
	}
	answer := make(chan string, 1)
	go func() {
		body, _ := drivertest.Get(i, "/slow")
		answer <- body
	}()
	drivertest.Until(t, "the request", func() bool { begun, _ := drivertest.Get(i, "/slow/begun"); return begun == "1" })
	if err := syscall.Kill(shim, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := <-answer; got != "done" {
		t.Errorf("the request in flight got %q", got)
	}
	empty(t, d)
}

// startControl runs a control process of its own that starts an instance.
func startControl(t *testing.T, dir string, image driver.Image, how string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "control", dir, image.Root, how)
	cmd.Stderr = os.Stderr
	output, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	if line, _ := bufio.NewReader(output).ReadString('\n'); line != "started\n" {
		t.Fatalf("control: %s", line)
	}
	return cmd
}

func outliveControl(t *testing.T, image driver.Image) {
	dir := filepath.Join(t.TempDir(), "instances")
	control := startControl(t, dir, image, "free")
	d := open(t, process.Config{Dir: dir})
	t.Cleanup(func() { stop(t, d, "app-1") })
	before, err := d.List(t.Context())
	if err != nil || len(before) != 1 {
		t.Fatalf("listed %v, %v", before, err)
	}
	if err := control.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = control.Wait() // it was killed
	again := start(t, d, specOf(image))
	if again != before[0] {
		t.Errorf("before %+v, after %+v", before[0], again)
	}
	if _, err := drivertest.Get(again, "/healthz"); err != nil {
		t.Error(err)
	}
}

func tethered(t *testing.T, image driver.Image) {
	dir := filepath.Join(t.TempDir(), "instances")
	control := startControl(t, dir, image, "tethered")
	d := open(t, process.Config{Dir: dir})
	t.Cleanup(func() { stop(t, d, "app-1") })
	list, err := d.List(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("listed %v, %v", list, err)
	}
	if err := control.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	silent(t, list[0])
	empty(t, d)
}

func longFolder(t *testing.T, image driver.Image) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	begin := time.Now()
	i := start(t, open(t, process.Config{Dir: dir}), specOf(image))
	t.Logf("ready after %s", time.Since(begin))
	if i.State != driver.Ready {
		t.Errorf("got %+v", i)
	}
}

func hurried(t *testing.T, image driver.Image) {
	d := open(t, process.Config{Dir: filepath.Join(t.TempDir(), "instances")})
	spec := specOf(image)
	spec.Run.Env = map[string]string{"STUBBORN": "1"}
	i := start(t, d, spec)
	ctx, cancel := context.WithCancel(t.Context())
	patient := make(chan error, 1)
	go func() { patient <- d.Stop(ctx, "app-1", time.Hour) }()
	drivertest.Until(t, "the stop", func() bool {
		list, err := d.List(t.Context())
		return err == nil && len(list) == 1 && list[0].State == driver.Stopping
	})
	if _, err := drivertest.Get(i, "/healthz"); err != nil {
		t.Errorf("it does not finish what it does: %v", err)
	}
	cancel()
	if err := <-patient; err == nil {
		t.Error("a stop that was given up says that it was done")
	}
	begin := time.Now()
	stop(t, d, "app-1")
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("the second stop took %s", took)
	}
	silent(t, i)
}

// quietKeepsLog starts an instance when there are many logs that are newer than
// that of another one, which lives.
func quietKeepsLog(t *testing.T, image driver.Image) {
	dir := filepath.Join(t.TempDir(), "instances")
	d := open(t, process.Config{Dir: dir})
	start(t, d, specOf(image))
	logs := filepath.Join(dir, "_logs", "app")
	old := time.Now().Add(-time.Hour)
	for i := range process.KeptLogs + 1 {
		gone := filepath.Join(logs, fmt.Sprintf("gone-%d.log", i))
		if err := os.WriteFile(gone, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(gone, old, old.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(filepath.Join(logs, "app-1.log"), old, old.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	second := specOf(image)
	second.ID = "app-2"
	start(t, d, second)
	if _, err := os.Stat(filepath.Join(logs, "app-1.log")); err != nil {
		t.Error("the log of an instance that runs:", err)
	}
	if _, err := os.Stat(filepath.Join(logs, "gone-0.log")); err == nil {
		t.Error("the oldest log of an instance that is gone is kept")
	}
}
