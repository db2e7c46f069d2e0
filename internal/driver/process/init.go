package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fdSetup is the descriptor on which the shim says what to run. Its other end
// is open for as long as the shim lives.
const fdSetup = 3

// exitCannotRun is what shells return for a program that cannot be run.
const exitCannotRun = 126

// InitMain is the command `davit shim-init`: it enters the instance's root, gives
// up every privilege and becomes the program. With "probe" it only tries whether
// a root of its own can be had. It returns when that failed.
func InitMain(args []string) int {
	runtime.LockOSThread() // privileges belong to threads
	if slices.Equal(args, []string{"probe"}) {
		if err := tryRoot(); err != nil {
			return 1
		}
		return 0
	}
	var s setup
	f := os.NewFile(fdSetup, "setup") // open until the program runs, see followShim
	if f == nil || json.NewDecoder(f).Decode(&s) != nil {
		fmt.Fprintln(os.Stderr, "davit: the shim calls this command")
		return exitCannotRun
	}
	fmt.Fprintf(os.Stderr, "davit: %v\n", s.become())
	runtime.KeepAlive(f)
	return exitCannotRun
}

// errNotAlone says that a command that mounts is not in namespaces of its own.
var errNotAlone = errors.New("the shim calls this command, in namespaces of its own")

// alone says whether this is the first process of its own namespaces. Whoever is
// root and types the command must not have the host's mounts changed.
func alone() bool { return os.Getpid() == 1 }

// tryRoot does what entering a root needs.
func tryRoot() error {
	if !alone() {
		return errNotAlone
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return unix.Mount("tmpfs", "/tmp", "tmpfs", 0, "")
}

// become turns this process into the program. It returns only on failure.
func (s *setup) become() error {
	unix.CloseOnExec(fdSetup)
	unix.Umask(0o022) // davit's own may be one with which nobody else could enter the root
	for _, stream := range []int{unix.Stdout, unix.Stderr} {
		_ = unix.Fchown(stream, s.UID, s.GID) // so that /dev/stdout can be opened; not as an ordinary user
	}
	var err error
	if s.Level == Namespaces {
		err = s.enterRoot()
	} else {
		err = s.settleOnHost()
	}
	if err != nil {
		return err
	}
	if err := s.dropPrivileges(); err != nil {
		return err
	}
	program, err := s.find()
	if err != nil {
		return err
	}
	if err := heedSignals(); err != nil {
		return err
	}
	err = unix.Exec(program, s.Argv, s.Env)
	return fmt.Errorf("run %s: %w", s.Argv[0], err)
}

// find looks the program up as the image's PATH says.
func (s *setup) find() (string, error) {
	name := s.Argv[0]
	if s.Level != Namespaces {
		return s.findOnHost(name)
	}
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, pair := range s.Env {
		if value, found := strings.CutPrefix(pair, "PATH="); found {
			path = value
		}
	}
	for dir := range strings.SplitSeq(path, ":") {
		candidate := filepath.Join("/", dir, name)
		if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("run %s: %w", name, exec.ErrNotFound)
}

// dropPrivileges leaves a process that is nobody and can become nothing else.
func (s *setup) dropPrivileges() error {
	if err := limits(); err != nil {
		return err
	}
	if err := dropBoundingSet(); err != nil {
		return err
	}
	if s.Become {
		if err := errors.Join(
			syscall.Setgroups(nil), syscall.Setgid(s.GID), syscall.Setuid(s.UID),
		); err != nil {
			return fmt.Errorf("become user %d: %w", s.UID, err)
		}
	}
	if err := followShim(); err != nil {
		return err
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
	}
	if s.Level == Landlock {
		if err := s.confine(); err != nil {
			return fmt.Errorf("confine the program: %w", err)
		}
	}
	return nil
}

// followShim makes the program end with its shim. The kernel forgets that wish
// when a process becomes another user (prctl(2), PR_SET_PDEATHSIG), so the shim
// may have ended in between: then nobody holds the other end of the setup.
func followShim() error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("follow the shim's end: %w", err)
	}
	leash := []unix.PollFd{{Fd: fdSetup}}
	if _, err := unix.Poll(leash, 0); err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("follow the shim's end: %w", err)
	}
	if leash[0].Revents&unix.POLLHUP != 0 {
		return errors.New("the shim ended")
	}
	return nil
}

// heedSignals makes every signal that is ignored do what it does by default: a
// program inherits what is ignored, by whoever started davit (as nohup(1) does,
// and make(1)), and with it could be deaf to the signal that ends it.
func heedSignals() error {
	type sigaction struct{ handler, flags, restorer, mask uint64 } // the kernel's, see rt_sigaction(2)
	const (
		ignore  = 1 // SIG_IGN
		highest = 64
	)
	act := func(signal int, set, was *sigaction) error {
		_, _, errno := unix.Syscall6(unix.SYS_RT_SIGACTION, uintptr(signal),
			uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(was)), unsafe.Sizeof(uint64(0)), 0, 0) //nolint:gosec // the kernel's own interface
		if errno != 0 {
			return fmt.Errorf("heed signal %d: %w", signal, errno)
		}
		return nil
	}
	for signal := 1; signal <= highest; signal++ {
		var was sigaction
		if err := act(signal, nil, &was); err != nil {
			return err
		}
		if was.handler != ignore {
			continue
		}
		if err := act(signal, &sigaction{}, nil); err != nil {
			return err
		}
	}
	return nil
}

// limits allow no core dumps, and as many open files as the host does.
func limits() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	files.Cur = files.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("raise the limit of open files: %w", err)
	}
	return nil
}

// dropBoundingSet makes sure that no program can give capabilities back
// (capabilities(7)). Without CAP_SETPCAP there is nothing to drop.
func dropBoundingSet() error {
	for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0)
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EPERM) {
			return fmt.Errorf("drop capability %d: %w", capability, err)
		}
	}
	return nil
}

func dropCapabilities() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("clear ambient capabilities: %w", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}
