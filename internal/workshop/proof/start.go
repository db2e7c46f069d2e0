package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// patience is how long a program is watched. What is wrong with a program that
// cannot be executed shows at once.
const patience = time.Second

// command is what an image starts.
type command struct {
	path string // absolute, in the image
	args []string
	dir  string
	env  []string
	user int
}

// command reads the configuration of the image (OCI image-spec 1.1, config.md).
func (i *Image) command() (command, error) {
	var file v1.ConfigFile
	if err := json.Unmarshal(i.description.Config, &file); err != nil {
		return command{}, fmt.Errorf("read the configuration of the image: %w", err)
	}
	c := command{args: append(append([]string{}, file.Config.Entrypoint...), file.Config.Cmd...), dir: file.Config.WorkingDir, env: file.Config.Env}
	if len(c.args) == 0 {
		return c, errors.New("the image starts nothing: it has neither ENTRYPOINT nor CMD")
	}
	if c.dir == "" {
		c.dir = "/"
	}
	user, _, _ := strings.Cut(file.Config.User, ":")
	c.user, _ = strconv.Atoi(user) // a name is looked up by the container's own passwd; here root stands for it
	c.path = i.lookUp(c.args[0], c)
	return c, nil
}

// lookUp finds a program as execvp does, in the files of the image.
func (i *Image) lookUp(name string, c command) string {
	if strings.Contains(name, "/") {
		if !path.IsAbs(name) {
			name = path.Join(c.dir, name)
		}
		return path.Clean(name)
	}
	search := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, v := range c.env {
		if value, found := strings.CutPrefix(v, "PATH="); found {
			search = value
		}
	}
	for dir := range strings.SplitSeq(search, ":") {
		if _, there := i.description.Files[path.Join(dir, name)]; there {
			return path.Join(dir, name)
		}
	}
	return path.Join("/", name)
}

// outcome is how a program did that was started.
type outcome struct {
	executed bool // it could be executed at all
	running  bool // still, when patience was over
	code     int  // with which it ended; -1 by a signal
	said     string
}

// well says that the program starts: it goes on running, or ended as it should.
func (o outcome) well() bool { return o.executed && (o.running || o.code == 0) }

// String says it for people.
func (o outcome) String() string {
	switch {
	case !o.executed:
		return o.said
	case o.running:
		return fmt.Sprintf("it was running after %s", patience)
	}
	text := fmt.Sprintf("it ended with exit code %d", o.code)
	if o.said != "" {
		text += ": " + o.said
	}
	return text
}

var errNoNamespace = errors.New("the kernel allows no namespaces here")

// start runs what the image starts, in the files of the image, unpacked below
// root, in namespaces of its own and without network.
func start(ctx context.Context, i *Image, root string) (outcome, error) {
	c, err := i.command()
	if err != nil {
		return outcome{said: err.Error()}, nil
	}
	if err := unpack(ctx, i.layout, root); err != nil {
		return outcome{}, err
	}
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	var said bytes.Buffer
	cmd := &exec.Cmd{
		Path: c.path, Args: c.args, Dir: c.dir, Env: append(c.env, "PORT=8080"), Stdout: &said, Stderr: &said,
		SysProcAttr: &syscall.SysProcAttr{
			Chroot: root, Setsid: true, Pdeathsig: syscall.SIGKILL,
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: c.user, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: c.user, HostID: os.Getgid(), Size: 1}},
		},
	}
	if err := cmd.Start(); err != nil {
		return notExecuted(c, filepath.Join(root, filepath.FromSlash(c.path)), err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its state
		close(ended)
	}()
	select {
	case <-ctx.Done():
		_ = cmd.Process.Kill()
		<-ended
		return outcome{executed: true, running: true}, nil
	case <-ended:
		return outcome{executed: true, code: cmd.ProcessState.ExitCode(), said: lastLine(said.String())}, nil
	}
}

// notExecuted says why a program could not be executed.
func notExecuted(c command, file string, err error) (outcome, error) {
	_, missing := os.Lstat(file)
	switch {
	case errors.Is(err, syscall.ENOENT) && missing == nil:
		return outcome{said: c.path + " needs a dynamic linker that is not in the image"}, nil
	case errors.Is(err, syscall.ENOENT):
		return outcome{said: c.path + " is not in the image"}, nil
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.ENOEXEC), errors.Is(err, syscall.ENOTDIR):
		return outcome{said: fmt.Sprintf("%s cannot be executed: %v", c.path, err)}, nil
	}
	return outcome{}, errNoNamespace
}

func lastLine(text string) string {
	const most = 300
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(text, "?")), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	return last[:min(len(last), most)]
}
