package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// child is the program, running.
type child struct {
	cmd   *exec.Cmd
	leash *os.File // by which its first steps see that we live
	ended chan struct{}
	err   error // set before ended is closed

	outOfMemory int // processes that had been killed for it when this one began
}

// startChild runs the program behind `davit shim-init`, which enters its root.
// It must be called on a thread that lives as long as the shim.
func (s *shim) startChild() (*child, error) {
	setup, err := s.setup()
	if err != nil {
		return nil, err
	}
	if s.order.Level != Namespaces {
		// What it starts and leaves becomes our child, so that it can be ended.
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return nil, fmt.Errorf("adopt what the program leaves: %w", err)
		}
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start the program: %w", err)
	}
	defer read.Close()
	cmd := exec.Command(s.order.Executable, "shim-init") //nolint:noctx // stop ends it in order
	cmd.Args[0] = "davit"
	cmd.Env = []string{}
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{read}
	cmd.SysProcAttr = cloned(s.order.Level, setup.UID, setup.GID)
	outputs, err := s.log.attach(cmd)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	if err := cmd.Start(); err != nil {
		outputs.abort()
		return nil, errors.Join(fmt.Errorf("start the program: %w", err), write.Close())
	}
	outputs.started()
	c := &child{cmd: cmd, leash: write, ended: make(chan struct{}), outOfMemory: s.group.outOfMemory()}
	go func() { // until it ended, which stop waits for
		c.err = cmd.Wait()
		c.leash.Close()
		outputs.wait()
		close(c.ended)
	}()
	s.admit(c.pid()) // it waits for its setup, and has started nothing
	if err := json.NewEncoder(write).Encode(setup); err != nil {
		c.kill()
		<-c.ended
		return nil, fmt.Errorf("tell the program's setup: %w", err)
	}
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// reason says how it ended.
func (c *child) reason() error {
	var exit *exec.ExitError
	switch {
	case c.err == nil:
		return errors.New("it ended by itself with exit status 0")
	case errors.As(c.err, &exit):
		return errors.New(exit.String())
	default:
		return c.err
	}
}

// killed says whether SIGKILL ended it.
func (c *child) killed() bool {
	var exit *exec.ExitError
	if !errors.As(c.err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// stop ends it: SIGTERM, and SIGKILL when the patience with it ends. With it ends
// everything that it started.
func (c *child) stop(patience context.Context) {
	if patience.Err() == nil {
		_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-c.ended:
		case <-patience.Done():
		}
	}
	c.kill()
	<-c.ended
	sweep()
}

// kill ends the program and its process group at once. With a PID namespace the
// kernel ends everything in it with its first process (pid_namespaces(7)).
func (c *child) kill() {
	_ = syscall.Kill(-c.pid(), syscall.SIGKILL) // there may be nobody left
	_ = c.cmd.Process.Kill()
}

// sweep ends what the program left, once it ended itself: we have no other
// children then.
func sweep() {
	const limit = time.Second
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		left := descendants(os.Getpid())
		if len(left) == 0 {
			return
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(-1, &status, 0, nil); err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

// setup is what `davit shim-init` is told over descriptor 3.
type setup struct {
	Level   Level    `json:"level"`
	Image   string   `json:"image"` // the unpacked root
	Root    string   `json:"root"`  // empty folder to assemble the new root in
	Tmp     string   `json:"tmp"`   // private folder for temporary files, without namespaces
	Argv    []string `json:"argv"`
	Env     []string `json:"env"`
	WorkDir string   `json:"workdir"`
	UID     int      `json:"uid"`
	GID     int      `json:"gid"`
	Become  bool     `json:"become"` // whether to change to UID and GID

	Volumes []volume `json:"volumes,omitempty"`
}

// setup works out what the program is run with.
func (s *shim) setup() (setup, error) {
	spec := s.order.Spec
	uid, gid, err := lookUpUser(spec.Image.Root, spec.Image.User)
	if err != nil {
		return setup{}, err
	}
	args := spec.Image.Cmd
	if spec.Run.Args != nil {
		args = spec.Run.Args
	}
	argv := slices.Concat(spec.Image.Entrypoint, args)
	if len(argv) == 0 {
		return setup{}, errors.New("the image has no ENTRYPOINT, and run.args is empty")
	}
	_, enforced := s.group.sites[cpuController]
	told := advice(spec.Run, enforced)
	env := environment(spec, s.now().Address, told)
	open := spec
	open.Secrets = nil // everybody on the machine can read arguments (proc(5), cmdline)
	shown := environment(open, s.now().Address, told)
	for i, arg := range argv {
		argv[i] = expand(arg, shown.look)
	}
	return setup{
		Level: s.order.Level, Image: spec.Image.Root, Root: filepath.Join(s.dir, rootName),
		Tmp: filepath.Join(s.dir, tmpName), Argv: argv, Env: env.list(),
		WorkDir: spec.Image.WorkingDir, UID: uid, GID: gid,
		Become: s.order.Level == Namespaces && os.Geteuid() == 0, Volumes: s.order.Volumes,
	}, nil
}
