package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// child is the program, running.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // set before ended is closed
}

// startChild runs the program behind `davit shim-init`, which enters its root.
// It must be called on the shim's main thread.
func (s *shim) startChild() (*child, error) {
	setup, err := s.setup()
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start the program: %w", err)
	}
	defer read.Close()
	defer write.Close()
	cmd := exec.Command(s.order.Executable, "shim-init") //nolint:noctx // it is stopped in order
	cmd.Args[0] = "davit"
	cmd.Env = []string{}
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{read}
	cmd.SysProcAttr = cloned(s.order.Level, setup.UID, setup.GID)
	outputs, err := s.log.attach(cmd)
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		outputs.abort()
		return nil, fmt.Errorf("start the program: %w", err)
	}
	outputs.started()
	if err := json.NewEncoder(write).Encode(setup); err != nil {
		_ = cmd.Process.Kill() // it cannot do anything without
		return nil, errors.Join(fmt.Errorf("tell the program's setup: %w", err), cmd.Wait())
	}
	c := &child{cmd: cmd, ended: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		outputs.wait()
		close(c.ended)
	}()
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

// stop ends it: SIGTERM, and SIGKILL after grace. With a PID namespace the kill
// takes along everything that it started; otherwise its process group.
func (c *child) stop(grace time.Duration) {
	if grace > 0 {
		_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-c.ended:
			return
		case <-timer.C:
		}
	}
	_ = syscall.Kill(-c.pid(), syscall.SIGKILL)
	_ = c.cmd.Process.Kill()
	<-c.ended
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
}

// setup works out what the program is run with.
func (s *shim) setup() (setup, error) {
	spec := s.order.Spec
	uid, gid, err := lookUpUser(spec.Image.Root, spec.Image.User)
	if err != nil {
		return setup{}, err
	}
	env := environment(spec, s.state().Address)
	argv := append([]string{}, spec.Image.Entrypoint...)
	if spec.Run.Args != nil {
		argv = append(argv, spec.Run.Args...)
	} else {
		argv = append(argv, spec.Image.Cmd...)
	}
	if len(argv) == 0 {
		return setup{}, errors.New("the image has neither ENTRYPOINT nor CMD")
	}
	for i, arg := range argv {
		argv[i] = expand(arg, env)
	}
	return setup{
		Level: s.order.Level, Image: spec.Image.Root, Root: filepath.Join(s.dir, rootName),
		Tmp: filepath.Join(s.dir, tmpName), Argv: argv, Env: env.list(),
		WorkDir: spec.Image.WorkingDir, UID: uid, GID: gid,
	}, nil
}
