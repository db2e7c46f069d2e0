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

	"golang.org/x/sys/unix"
)

// fdSetup is the descriptor on which the shim says what to run.
const fdSetup = 3

// exitCannotRun is what shells return for a program that cannot be run.
const exitCannotRun = 126

// InitMain is the command `davit shim-init`: it enters the instance's root, gives
// up every privilege and becomes the program. With "probe" it only tries whether
// a root of its own can be had. It returns when that failed.
func InitMain(args []string) int {
	runtime.LockOSThread()
	if slices.Equal(args, []string{"probe"}) {
		if err := tryRoot(); err != nil {
			return 1
		}
		return 0
	}
	var s setup
	f := os.NewFile(fdSetup, "setup")
	if f == nil || json.NewDecoder(f).Decode(&s) != nil {
		fmt.Fprintln(os.Stderr, "davit: the shim calls this command")
		return exitCannotRun
	}
	f.Close()
	fmt.Fprintf(os.Stderr, "davit: %v\n", s.become())
	return exitCannotRun
}

// tryRoot does what entering a root needs.
func tryRoot() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return unix.Mount("tmpfs", "/tmp", "tmpfs", 0, "")
}

// become turns this process into the program. It returns only on failure.
func (s setup) become() error {
	program := s.Argv[0]
	if s.Level == Namespaces {
		if err := s.enterRoot(); err != nil {
			return fmt.Errorf("enter the instance's root: %w", err)
		}
	} else {
		program = filepath.Join(s.Image, program)
		s.Env = s.onHost()
	}
	if err := os.Chdir(s.workDir()); err != nil {
		return fmt.Errorf("enter the working folder: %w", err)
	}
	if s.Level == Landlock {
		if err := s.confine(); err != nil {
			return fmt.Errorf("confine the program: %w", err)
		}
	}
	if err := s.dropPrivileges(); err != nil {
		return err
	}
	if s.Level == Namespaces {
		var err error
		if program, err = s.find(program); err != nil {
			return err
		}
	}
	err := unix.Exec(program, s.Argv, s.Env)
	return fmt.Errorf("run %s: %w", program, err)
}

// find looks a program up as the image's PATH says.
func (s setup) find(program string) (string, error) {
	if strings.Contains(program, "/") {
		return program, nil
	}
	for _, kv := range s.Env {
		path, found := strings.CutPrefix(kv, "PATH=")
		if !found {
			continue
		}
		for dir := range strings.SplitSeq(path, ":") {
			candidate := filepath.Join(dir, program)
			if info, err := os.Stat(candidate); err == nil && info.Mode()&0o111 != 0 {
				return candidate, nil
			}
		}
	}
	return "", fmt.Errorf("run %s: %w", program, exec.ErrNotFound)
}

func (s setup) workDir() string {
	switch {
	case s.Level != Namespaces:
		return s.Tmp
	case s.WorkDir == "":
		return "/"
	default:
		return s.WorkDir
	}
}

// onHost is the environment where the program runs on the host's root: what
// davit's base would hold is pointed to.
func (s setup) onHost() []string {
	env := append(slices.Clone(s.Env), "TMPDIR="+s.Tmp)
	if roots := filepath.Join(s.Image, "etc/ssl/certs/ca-certificates.crt"); exists(roots) {
		env = append(env, "SSL_CERT_FILE="+roots)
	}
	if zones := filepath.Join(s.Image, "usr/share/zoneinfo"); exists(zones) {
		env = append(env, "ZONEINFO="+zones)
	}
	return env
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// dropPrivileges leaves a process that is nobody and can become nothing else.
func (s setup) dropPrivileges() error {
	unix.Umask(0o022)
	if err := limits(); err != nil {
		return err
	}
	if err := dropBoundingSet(); err != nil {
		return err
	}
	if s.Level == Namespaces && os.Geteuid() == 0 {
		if err := errors.Join(
			syscall.Setgroups(nil), syscall.Setgid(s.GID), syscall.Setuid(s.UID),
		); err != nil {
			return fmt.Errorf("become user %d: %w", s.UID, err)
		}
	}
	// Another user has another signal of its parent's death: it is cleared.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("follow the shim's end: %w", err)
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
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
