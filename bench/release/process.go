package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a program with the ones that it started.
type process struct {
	cmd *exec.Cmd
	log *os.File
}

func start(dir string, env []string, files []*os.File, name string, args ...string) (*process, error) {
	log, err := os.CreateTemp(dir, filepath.Base(name)+"-*.log")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(name, args...) //nolint:noctx // stop ends it
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = dir, append(os.Environ(), env...), log, log, files
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), log.Close())
	}
	return &process{cmd: cmd, log: log}, nil
}

func (p *process) stop() error {
	err := p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait() // the exit code says only that it was told to end
	return errors.Join(err, p.log.Close())
}

// ticksPerSecond is USER_HZ, which Linux has shown as 100 on every architecture
// (time(7)).
const ticksPerSecond = 100

// cpu returns the CPU time of the process and its children.
func (p *process) cpu() (time.Duration, error) { return cpuOf(family(p.cmd.Process.Pid)...) }

// cpuOf adds up what /proc/PID/stat has (proc_pid_stat(5), fields 14 and 15).
func cpuOf(pids ...int) (time.Duration, error) {
	var ticks int64
	for _, pid := range pids {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, fmt.Errorf("read CPU time: %w", err)
		}
		_, rest, _ := strings.Cut(string(data), ") ")
		fields := strings.Fields(rest)
		for _, n := range []int{11, 12} {
			value, err := strconv.ParseInt(fields[n], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read CPU time: %w", err)
			}
			ticks += value
		}
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

func family(pid int) []int {
	all := []int{pid}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return all
	}
	for field := range strings.FieldsSeq(string(data)) {
		if child, err := strconv.Atoi(field); err == nil {
			all = append(all, family(child)...)
		}
	}
	return all
}

// resident returns the memory of a process in MiB (proc_pid_status(5), VmRSS).
func resident(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, errors.New("read memory: no VmRSS")
	}
	kib, err := strconv.ParseFloat(fields[0], 64)
	return kib / 1024, err
}

// eventually polls until a condition holds.
func eventually(ctx context.Context, what string, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("it never came true that %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}
