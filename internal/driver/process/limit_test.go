package process_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/driver/drivertest"
	"github.com/davit-dev/davit/internal/driver/process"
)

// cgroupsOf returns the cgroups of an instance.
func cgroupsOf(t *testing.T, dir, id string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, id, "cgroups"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Fields(string(data))
}

// counted returns a number of a file in one of the instance's cgroups.
func counted(t *testing.T, dir, id, file, name string) int {
	t.Helper()
	for _, group := range cgroupsOf(t, dir, id) {
		data, err := os.ReadFile(filepath.Join(group, file))
		if err != nil {
			continue
		}
		text := string(data)
		if name != "" {
			text = regexp.MustCompile(`(?m)^` + name + ` (\d+)$`).FindStringSubmatch(text)[1]
		}
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	t.Fatalf("no cgroup of %s has the file %s", id, file)
	return 0
}

// limited starts an instance with limits, and skips the test where they cannot be
// enforced.
func limited(t *testing.T, cfg process.Config, image driver.Image, change ...func(*driver.Config)) driver.Instance {
	t.Helper()
	spec := specOf(image)
	spec.Run.Memory, spec.Run.CPU = 64<<20, 500
	for _, fn := range change {
		fn(&spec.Run)
	}
	i := start(t, open(t, cfg), spec)
	if i.Unlimited != "" {
		t.Skipf("SKIP: limits cannot be enforced here: %s", i.Unlimited)
	}
	return i
}

// last returns how an instance is, and nothing before it is listed.
func last(t *testing.T, d *process.Driver) driver.Instance {
	t.Helper()
	list, err := d.List(t.Context())
	if err != nil || len(list) != 1 {
		return driver.Instance{}
	}
	return list[0]
}

const outOfMemory = "out of memory: it used more than run.memory = 64MiB (raise run.memory"

func memoryIsLimited(t *testing.T, image driver.Image) {
	cfg := process.Config{Dir: filepath.Join(t.TempDir(), "instances")}
	i := limited(t, cfg, image)
	if !regexp.MustCompile(`^memory 64MiB \(cgroup v[12]\), cpu 0\.5 \(cgroup v[12]\)$`).MatchString(i.Limits) {
		t.Errorf("limited: %q", i.Limits)
	}
	d := open(t, cfg)
	if body, err := drivertest.Get(i, "/eat"); err == nil {
		t.Fatalf("it could use %s MiB", body)
	}
	drivertest.Until(t, "the restart", func() bool { now := last(t, d); return now.State == driver.Ready && now.Restarts == 1 })
	if now := last(t, d); !strings.HasPrefix(now.Ended, outOfMemory) || now.Reason != "" {
		t.Errorf("it is %+v", now)
	}
	// The second end counts anew, and another one is not for want of memory.
	if _, err := drivertest.Get(last(t, d), "/exit"); err == nil {
		t.Error("it answered before it ended")
	}
	drivertest.Until(t, "the next restart", func() bool { return last(t, d).Restarts == 2 })
	if now := last(t, d); now.Ended != "exit status 4" {
		t.Errorf("it is %+v", now)
	}
	// When it is one of several, version 1 ends that one alone.
	drivertest.Until(t, "the third start", func() bool { return last(t, d).State == driver.Ready })
	if _, err := drivertest.Get(last(t, d), "/feed"); err == nil {
		t.Error("it answered before it ended")
	}
	drivertest.Until(t, "the third restart", func() bool { return last(t, d).Restarts == 3 })
	want := outOfMemory
	if strings.Contains(i.Limits, "memory 64MiB (cgroup v1)") {
		want = "exit status 5, after one of its processes was killed: together they used more than run.memory = 64MiB"
	}
	if now := last(t, d); !strings.HasPrefix(now.Ended, want) {
		t.Errorf("it is %+v, want %s", now, want)
	}
}

// outOfMemoryIsAReason also at the start, where it is the start's error.
func outOfMemoryIsAReason(t *testing.T, image driver.Image) {
	cfg := process.Config{Dir: filepath.Join(t.TempDir(), "instances")}
	limited(t, cfg, image)
	spec := specOf(image)
	spec.ID, spec.Run.Memory, spec.Run.Env = "app-2", 64<<20, map[string]string{"EAT": "1"}
	d := open(t, cfg)
	t.Cleanup(func() { stop(t, d, spec.ID) })
	_, err := d.Start(t.Context(), spec)
	if err == nil || !strings.Contains(err.Error(), outOfMemory) {
		t.Errorf("got %v", err)
	}
}

func cpuIsLimited(t *testing.T, image driver.Image) {
	cfg := process.Config{Dir: filepath.Join(t.TempDir(), "instances")}
	i := limited(t, cfg, image, func(run *driver.Config) { run.CPU = 200 })
	before := counted(t, cfg.Dir, "app-1", "cpu.stat", "nr_throttled")
	drivertest.Until(t, "the throttling", func() bool { // on a busy machine it may not get what it is allowed
		if _, err := drivertest.Get(i, "/burn"); err != nil {
			t.Fatal(err)
		}
		return counted(t, cfg.Dir, "app-1", "cpu.stat", "nr_throttled") > before
	})
}

func processesAreLimited(t *testing.T, image driver.Image) {
	const most = 60
	cfg := process.Config{Dir: filepath.Join(t.TempDir(), "instances"), Processes: most}
	i := start(t, open(t, cfg), specOf(image))
	if len(cgroupsOf(t, cfg.Dir, "app-1")) == 0 {
		t.Skip("SKIP: there are no cgroups to be had here")
	}
	refused := false
	for range most { // each has several threads
		address, err := drivertest.Get(i, "/spawn")
		if refused = err != nil || !drivertest.Listens(address); refused {
			break
		}
	}
	if !refused || counted(t, cfg.Dir, "app-1", "pids.events", "max") == 0 {
		t.Errorf("nothing was refused, with %d processes", counted(t, cfg.Dir, "app-1", "pids.current", ""))
	}
}

// noCgroups checks that nothing is left of some.
func noCgroups(t *testing.T, dirs []string) {
	t.Helper()
	for _, dir := range dirs {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", dir, err)
		}
	}
}

func cgroupsGo(t *testing.T, image driver.Image) {
	cfg := process.Config{Dir: filepath.Join(t.TempDir(), "instances")}
	d := open(t, cfg)
	i := limited(t, cfg, image)
	dirs := cgroupsOf(t, cfg.Dir, "app-1")
	for _, dir := range dirs {
		procs, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil || !strings.Contains("\n"+string(procs), "\n"+strconv.Itoa(i.PID)+"\n") {
			t.Errorf("%d is not in %s: %q, %v", i.PID, dir, procs, err)
		}
	}
	stop(t, d, "app-1")
	noCgroups(t, dirs)

	i = limited(t, cfg, image)
	dirs = cgroupsOf(t, cfg.Dir, "app-1")
	offspring := drivertest.Spawn(t, i)
	if err := syscall.Kill(parentOf(t, i.PID), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	empty(t, d)
	noCgroups(t, dirs)
	if drivertest.Listens(offspring) {
		t.Error("what it started is still there")
	}
	// Those that nobody has found meanwhile are in nobody's way.
	i = limited(t, cfg, image)
	dirs = cgroupsOf(t, cfg.Dir, "app-1")
	if err := syscall.Kill(parentOf(t, i.PID), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if again := limited(t, cfg, image); again.PID == i.PID {
		t.Errorf("started anew: %+v", again)
	}
	stop(t, d, "app-1")
	noCgroups(t, dirs)
}

// limitsAreSaid where there are no cgroups: in a folder that stands for /proc.
func limitsAreSaid(t *testing.T, image driver.Image) {
	proc := t.TempDir()
	cfg := process.Config{Dir: filepath.Join(t.TempDir(), "instances"), Proc: proc}
	if err := os.Mkdir(filepath.Join(proc, "self"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ cgroup, mountinfo, want string }{
		{"", "", "memory 64MiB, cpu 0.5: find cgroups: "},
		{"0::/\n", "\n", "memory 64MiB: no cgroups with the controller memory can be seen here; cpu 0.5: no cgroups"},
		{
			"3:memory:/a\n2:cpu,cpuacct:/a\n0::/\n",
			"1 0 0:1 / /nowhere/memory rw - cgroup cgroup rw,memory\n1 0 0:1 / /nowhere/cpu rw shared:1 - cgroup cgroup rw,cpu,cpuacct\n",
			"memory 64MiB: make a cgroup: mkdir /nowhere/memory/a/davit-",
		},
	} {
		if test.mountinfo != "" {
			for name, text := range map[string]string{"cgroup": test.cgroup, "mountinfo": test.mountinfo} {
				if err := os.WriteFile(filepath.Join(proc, "self", name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		warned := newTranscript()
		d, err := process.New(withTether(cfg), warned.logger())
		if err != nil {
			t.Fatal(err)
		}
		spec := specOf(image)
		spec.Run.Memory, spec.Run.CPU = 64<<20, 500
		i := start(t, d, spec)
		if !strings.HasPrefix(i.Unlimited, test.want) || i.Limits != "" {
			t.Errorf("limited: %q, not limited: %q", i.Limits, i.Unlimited)
		}
		env := strings.Join(drivertest.SelfOf(t, i).Env, "\n")
		if !strings.Contains(env, "GOMAXPROCS=1\n") || !strings.Contains(env, "GOMEMLIMIT=58982KiB\n") {
			t.Errorf("it is told %q", env)
		}
		if !strings.Contains(warned.String(), "limits of an instance cannot be enforced here") {
			t.Errorf("davit's log is %q", warned)
		}
		if got := logOf(t, d); strings.Count(got, "davit|not limited: memory 64MiB") != 1 {
			t.Errorf("its log is %q", got)
		}
		stop(t, d, "app-1")
		if err := os.RemoveAll(filepath.Join(cfg.Dir, "_logs")); err != nil {
			t.Fatal(err)
		}
	}
}

func logOf(t *testing.T, d *process.Driver) string {
	t.Helper()
	lines, err := d.Logs(context.WithoutCancel(t.Context()), "app", nil, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Close()
	return readAll(t, lines)
}
