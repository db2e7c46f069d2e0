package fingerprint_test

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/davit-dev/davit/internal/build/fingerprint"
)

// childRecord names the variable that makes this test its own child: the file of
// a record to look at where the kernel lets no program be started.
const childRecord = "FINGERPRINT_TEST_RECORD"

// TestFreshStartsNoProcess looks at a record in a process that the kernel kills
// as soon as it starts another.
func TestFreshStartsNoProcess(t *testing.T) {
	if file := os.Getenv(childRecord); file != "" {
		confined(t, file)
		return
	}
	w := newWorld(t)
	w.write("record", text(t, w.record()))
	child := func(variables ...string) error {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFreshStartsNoProcess$")
		cmd.Env = append(append(os.Environ(), childRecord+"="+w.path("record")), variables...)
		out, err := cmd.CombinedOutput()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() > 0 {
			t.Errorf("%s", out)
		}
		return err
	}
	if err := child(); err != nil {
		t.Errorf("looking at a record: %v", err)
	}
	err := child(childRecord + "_EXEC=1")
	exit := (*exec.ExitError)(nil)
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGSYS {
		t.Errorf("a process that starts a program ended with %v, so the kernel does not watch", err)
	}
}

func confined(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := forbidPrograms(); err != nil {
		t.Fatal(err)
	}
	var record fingerprint.Record
	if err := record.UnmarshalText(data); err != nil {
		t.Fatal(err)
	}
	if fresh, why := record.Fresh(os.Environ()); !fresh {
		t.Errorf("it is not fresh: %s", why)
	}
	if os.Getenv(childRecord+"_EXEC") != "" {
		t.Error(exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$").Run())
	}
}

// forbidPrograms has the kernel kill this process when any of its threads starts
// another process or executes a program (seccomp(2)).
func forbidPrograms() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	const firstArgument = 16 // where struct seccomp_data has it
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},                             // the number of the system call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_CLONE3, Jt: 6}, // of which libc knows to do without
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_EXECVE, Jt: 3},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_CLONE, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: firstArgument},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: unix.CLONE_THREAD, Jt: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_KILL_PROCESS},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	return nil
}
