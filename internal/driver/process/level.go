package process

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/davit-dev/davit/internal/driver"
)

// Level is how an instance is confined.
type Level string

// The levels, the best first. At every level the program has no capability, can
// get none, and sees no other environment than its own.
const (
	// Namespaces is a root, processes and IPC of its own: of the host's files it
	// has /etc/resolv.conf and /etc/hosts.
	Namespaces Level = "namespaces"
	// Landlock is the host's root, of which it may read what a program without
	// cgo looks for, and no unix sockets; for images that hold nothing else.
	Landlock Level = "landlock"
	// None is as whoever runs davit.
	None Level = "none"
)

// probe finds the best level that can be had, by trying.
func probe(executable string) Level {
	cmd := exec.Command(executable, "shim-init", "probe") //nolint:noctx // it ends by itself
	cmd.Args[0] = "davit"
	cmd.Env = []string{}
	cmd.SysProcAttr = cloned(Namespaces, nobody, nobody)
	if cmd.Run() == nil {
		return Namespaces
	}
	if landlockABI() >= landlockNeeded {
		return Landlock
	}
	return None
}

// cloned are the attributes with which a program's first process is made. It
// dies with its shim. An ordinary user gets a user namespace as well, in which
// the image's user is who it runs as.
func cloned(level Level, uid, gid int) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if level != Namespaces {
		return attr
	}
	attr.Cloneflags = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
	if os.Geteuid() != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: os.Getegid(), Size: 1}}
		// Who is not root in it would lose its rights over it with execve(2).
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}
	}
	return attr
}

// level is the confinement for an instance, or the reason why there is none.
func (d *Driver) level(spec driver.Spec) (Level, error) {
	level := d.probe()
	if level == Namespaces {
		return level, nil
	}
	name, err := foreign(spec.Image)
	if err != nil {
		return "", err
	}
	if name != "" {
		return "", &StartError{
			ID: spec.ID, Hint: "allow user namespaces here, or build on static or scratch",
			Reason: fmt.Sprintf("the image holds %s, so it needs a root of its own, and namespaces cannot be had here", name),
		}
	}
	if level == None && !d.cfg.AcceptUnsandboxed {
		return "", &StartError{
			ID: spec.ID, Hint: "allow user namespaces here, or serve with --accept-unsandboxed",
			Reason: "neither namespaces nor Landlock can be had here, so nothing would keep it from davit's data",
		}
	}
	for _, hidden := range d.cfg.Hidden {
		for _, shown := range landlockShown {
			if level == Landlock && within(shown, hidden) {
				return "", fmt.Errorf("start %s: %s lies in %s, which instances can read at the level landlock", spec.ID, hidden, shown)
			}
		}
	}
	return level, nil
}

// ownBase is what davit's base "static" holds, beside the program's folder.
var ownBase = []string{
	"etc/group", "etc/nsswitch.conf", "etc/os-release", "etc/passwd", "etc/ssl",
	"home", "root", "tmp", "usr/share/zoneinfo",
}

// foreign names the first file in an image that is neither in the folder of its
// program nor of davit's own base: a program that expects it would miss it on
// the host's root.
func foreign(image driver.Image) (string, error) {
	program := ""
	if argv := append(slices.Clone(image.Entrypoint), image.Cmd...); len(argv) > 0 {
		program = strings.TrimPrefix(argv[0], "/")
	}
	own := append(slices.Clone(ownBase), program)
	if dir := filepath.Dir(program); dir != "." {
		own = append(own, dir)
	}
	found := ""
	err := fs.WalkDir(os.DirFS(image.Root), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("look into the image: %w", err)
		}
		for _, name := range own {
			if path == name && entry.IsDir() {
				return fs.SkipDir
			}
			if path == name {
				return nil
			}
		}
		if entry.IsDir() {
			return nil
		}
		found = "/" + path
		return fs.SkipAll
	})
	return found, err
}
