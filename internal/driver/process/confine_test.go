package process_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/driver/drivertest"
	"github.com/davit-dev/davit/internal/driver/process"
)

// data is a data folder with what an instance must not get at.
type data struct{ dir, secret, socket string }

func newData(t *testing.T) data {
	t.Helper()
	dir := shortDir(t)
	d := data{dir: dir, secret: filepath.Join(dir, "control.db"), socket: filepath.Join(dir, "api.sock")}
	if err := os.WriteFile(d.secret, []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	// Permissions are not what keeps instances out.
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", d.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := os.Chmod(d.socket, 0o777); err != nil {
		t.Fatal(err)
	}
	return d
}

// run starts an instance whose driver keeps its folder in the data folder.
func (d data) run(t *testing.T, level process.Level, image driver.Image) driver.Instance {
	t.Helper()
	need(t, level)
	cfg := process.Config{
		Dir: filepath.Join(d.dir, "instances"), Hidden: []string{d.dir}, Level: level, AcceptUnsandboxed: level == process.None,
	}
	i := start(t, open(t, cfg), specOf(image))
	if i.Sandbox != string(level) {
		t.Errorf("the level is %s", i.Sandbox)
	}
	return i
}

// forbidden checks what neither level lets an instance do.
func (d data) forbidden(t *testing.T, i driver.Instance) {
	t.Helper()
	for _, try := range [][2]string{
		{"/read", d.secret},
		{"/write", d.secret},
		{"/empty", d.secret},
		{"/list", d.dir},
		{"/list", filepath.Join(d.dir, "instances")},
		{"/dial", d.socket},
		{"/write", filepath.Join(d.dir, "new")},
		{"/write", "/etc/new"},
		{"/read", "/etc/shadow"},
		{"/list", "/root"},
		{"/list", "/usr/bin"},
		{"/kill", strconv.Itoa(os.Getpid())},
	} {
		if got := drivertest.Try(t, i, try[0], try[1]); got == drivertest.Done {
			t.Errorf("it can %s %s", try[0][1:], try[1])
		}
	}
	if content, err := os.ReadFile(d.secret); err != nil || string(content) != "x" {
		t.Errorf("the secret is now %q, %v", content, err)
	}
}

func possible(t *testing.T, i driver.Instance, tries ...[2]string) {
	t.Helper()
	for _, try := range tries {
		if got := drivertest.Try(t, i, try[0], try[1]); got != drivertest.Done {
			t.Errorf("it cannot %s %s: %s", try[0][1:], try[1], got)
		}
	}
}

func namespacesConfine(t *testing.T, image driver.Image) {
	d := newData(t)
	i := d.run(t, process.Namespaces, image)
	d.forbidden(t, i)
	for _, try := range [][2]string{
		{"/write", "/app/new"},
		{"/write", "/app/service"},
		{"/write", "/new"},
		{"/list", "/sys"},
		{"/mode", "/dev/null"},
		{"/read", "/etc/passwd"},
		{"/write", "/etc/hosts"},
		{"/mode", "/app/service"},
	} {
		if got := drivertest.Try(t, i, try[0], try[1]); got == drivertest.Done {
			t.Errorf("it can %s %s", try[0][1:], try[1])
		}
	}
	possible(t, i, [2]string{"/read", "/etc/hosts"}, [2]string{"/write", "/tmp/x"}, [2]string{"/write", "/dev/null"},
		[2]string{"/read", "/app/service"}, [2]string{"/open", "/dev/stdout"})
	self := drivertest.SelfOf(t, i)
	if self.PID != 1 || self.UID != 65532 || self.GID != 65532 || self.Dir != "/" {
		t.Errorf("process %d of user %d, group %d in %s", self.PID, self.UID, self.GID, self.Dir)
	}
	_, port, _ := strings.Cut(i.Address, ":")
	if want := []string{"HOST=127.0.0.1", "KIND=test", "NAME=image", "PORT=" + port}; !slices.Equal(self.Env, want) {
		t.Errorf("the environment is %q, not %q", self.Env, want)
	}
}

func landlockConfines(t *testing.T, image driver.Image) {
	d := newData(t)
	i := d.run(t, process.Landlock, withZones(t, image))
	d.forbidden(t, i)
	folder := drivertest.SelfOf(t, i).Dir
	possible(t, i, [2]string{"/read", "/etc/hosts"}, [2]string{"/write", "/dev/null"},
		[2]string{"/write", filepath.Join(folder, "x")}, [2]string{"/zone", "Davit/Nowhere"})
	if got := drivertest.Try(t, i, "/list", "/"); got == drivertest.Done {
		t.Error("it can list /")
	}
}

// withZones copies an image and adds what davit's base has.
func withZones(t *testing.T, image driver.Image) driver.Image {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(image.Root)); err != nil {
		t.Fatal(err)
	}
	zones := filepath.Join(root, "usr", "share", "zoneinfo", "Davit")
	if err := os.MkdirAll(zones, 0o755); err != nil {
		t.Fatal(err)
	}
	// A zone without transitions (RFC 8536): header, one type, its name.
	zone := "TZif" + strings.Repeat("\x00", 32) + "\x00\x00\x00\x01" + "\x00\x00\x00\x04" + "\x00\x00\x00\x00\x00\x00" + "DVT\x00"
	if err := os.WriteFile(filepath.Join(zones, "Nowhere"), []byte(zone), 0o644); err != nil {
		t.Fatal(err)
	}
	image.Root = root
	return image
}

func everyLevelTakesPrivileges(t *testing.T, image driver.Image) {
	for _, level := range []process.Level{process.Namespaces, process.Landlock, process.None} {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			self := drivertest.SelfOf(t, newData(t).run(t, level, image))
			want := []string{"CapInh", "CapPrm", "CapEff", "CapAmb"}
			if os.Geteuid() == 0 || level == process.Namespaces {
				want = append(want, "CapBnd") // others have no right to drop it
			}
			for _, set := range want {
				if !strings.Contains(self.Status, set+":\t0000000000000000\n") {
					t.Errorf("%s is not empty in\n%s", set, self.Status)
				}
			}
			for _, line := range []string{"NoNewPrivs:\t1\n", "SigIgn:\t0000000000000000\n"} {
				if !strings.Contains(self.Status, line) {
					t.Errorf("%q is not in\n%s", line, self.Status)
				}
			}
			if self.Core != 0 || self.Umask != 0o022 {
				t.Errorf("core dumps of %d bytes, umask %o", self.Core, self.Umask)
			}
		})
	}
}

// An image whose /etc is a link to a folder of the host must not show that.
func imageCannotShowTheHost(t *testing.T, image driver.Image) {
	d := newData(t)
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(image.Root)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(d.dir, filepath.Join(root, "etc")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(d.dir, filepath.Join(root, "data")); err != nil {
		t.Fatal(err)
	}
	image.Root = root
	i := d.run(t, process.Namespaces, image)
	for _, path := range []string{"/etc/control.db", "/data/control.db", d.secret} {
		if got := drivertest.Try(t, i, "/read", path); got == drivertest.Done {
			t.Errorf("it can read %s", path)
		}
	}
	// On the host's root a program must not be a link to another.
	if err := os.Symlink("/proc/self/exe", filepath.Join(root, "app", "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(root, "etc")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(root, "data")); err != nil {
		t.Fatal(err)
	}
	image.Entrypoint = []string{"/app/link"}
	_, err := open(t, process.Config{Dir: t.TempDir(), Level: process.Landlock}).Start(t.Context(), specOf(image))
	if err == nil || !strings.Contains(err.Error(), "path escapes") {
		t.Errorf("got %v", err)
	}
	// Nor may it be an image in which the data folder lies.
	image.Root = filepath.Dir(d.dir)
	_, err = open(t, process.Config{Dir: t.TempDir(), Hidden: []string{d.dir}}).Start(t.Context(), specOf(image))
	if err == nil || !strings.Contains(err.Error(), "hidden from instances") {
		t.Errorf("got %v", err)
	}
}

// Typed by root, without a PID namespace, the command must mount nothing. Here it
// has a mount namespace, so that a command that does leaves the host alone.
func initIsHarmlessByHand(t *testing.T, _ driver.Image) {
	if os.Geteuid() != 0 {
		t.Skip("others cannot mount anything")
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "shim-init", "probe")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Errorf("it entered a root: %v", err)
	}
}

func rootIsNotTheHosts(t *testing.T, image driver.Image) {
	image.User = "0"
	i := newData(t).run(t, process.Namespaces, image)
	if self := drivertest.SelfOf(t, i); self.UID != 0 {
		t.Errorf("it runs as %d", self.UID)
	}
	for _, try := range [][2]string{
		{"/open", "/proc/sys/kernel/core_pattern"}, {"/mode", "/dev/null"}, {"/write", "/app/service"}, {"/write", "/new"},
	} {
		if got := drivertest.Try(t, i, try[0], try[1]); got == drivertest.Done {
			t.Errorf("it can %s %s", try[0][1:], try[1])
		}
	}
}

func unconfinedIsRefused(t *testing.T, image driver.Image) {
	d := open(t, process.Config{Dir: filepath.Join(t.TempDir(), "instances"), Level: process.None})
	_, err := d.Start(t.Context(), specOf(image))
	if err == nil || !strings.Contains(err.Error(), "nothing would keep it") {
		t.Errorf("got %v", err)
	}
	image = withZones(t, image)
	if err := os.MkdirAll(filepath.Join(image.Root, "usr", "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(image.Root, "usr", "lib", "libc.so"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, level := range []process.Level{process.Landlock, process.None} {
		d := open(t, process.Config{Dir: filepath.Join(t.TempDir(), "instances"), Level: level, AcceptUnsandboxed: true})
		_, err := d.Start(t.Context(), specOf(image))
		if err == nil || !strings.Contains(err.Error(), "/usr/lib/libc.so") {
			t.Errorf("%s: got %v", level, err)
		}
		if list, err := d.List(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("%s: left behind: %v, %v", level, list, err)
		}
	}
}
