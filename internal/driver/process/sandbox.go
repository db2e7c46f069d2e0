package process

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// Level is how an instance is confined.
type Level string

// The levels, the best first.
const (
	Namespaces Level = "namespaces" // a root, processes and IPC of its own
	Landlock   Level = "landlock"   // the host's root, of which it may read only parts
	None       Level = "none"       // nothing
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
	if landlockABI() > 0 {
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
		// Becoming shim-init would lose what mounting needs, as its user is not root.
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	}
	return attr
}
