package process

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupsName is the file in an instance's folder that names its cgroups, a line
// for each. It is written before they are made, so that whoever finds an instance
// without a shim can remove them.
const cgroupsName = "cgroups"

// ownCgroup is the form of their names, with the instance's ID.
var ownCgroup = regexp.MustCompile(`^davit-[0-9a-f]{8}-(.+)$`)

// cgroupName is that of an instance's, which no other davit on the machine has.
func (d *Driver) cgroupName(id string) string {
	sum := sha256.Sum256([]byte(d.cfg.Dir))
	return fmt.Sprintf("davit-%x-%s", sum[:4], id)
}

// site is where the cgroup of an instance is for one controller.
type site struct {
	dir     string
	version int // of cgroups
}

// cgroup holds the processes of an instance. The zero value holds none.
type cgroup struct{ sites map[controller]site }

// siteOf returns where a cgroup has to be for a controller. That somebody asked
// for limits is reason enough to move davit's own processes.
func siteOf(found map[controller]place, c controller, name string, asked bool) (site, error) {
	if own, v1 := found[c]; v1 {
		return site{dir: filepath.Join(own.dir, name), version: 1}, nil
	}
	own, v2 := found[unified]
	if !v2 {
		return site{}, fmt.Errorf("no cgroups with the controller %s can be seen here", c)
	}
	base, err := own.delegated(c, asked)
	return site{dir: filepath.Join(base, name), version: 2}, err
}

// makeCgroup makes an empty one. One that is there is of a shim that was killed.
func makeCgroup(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		if err := removeCgroup(dir); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o755)
	}
	if err != nil {
		return fmt.Errorf("make a cgroup: %w", err)
	}
	return nil
}

func apply(dir string, settings []setting) error {
	for _, s := range settings {
		err := write(filepath.Join(dir, s.file), s.value)
		if err != nil && (!s.optional || !errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("limit the cgroup: %w", err)
		}
	}
	return nil
}

// write writes to a file of the kernel's, which is there or cannot be made.
func write(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// dirs returns the folders of the cgroup, one for each hierarchy.
func (g *cgroup) dirs() []string {
	var all []string
	for _, at := range g.sites {
		all = append(all, at.dir)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// enter moves a process into the cgroup, before it has started others.
func (g *cgroup) enter(pid int) error {
	for _, dir := range g.dirs() {
		if err := write(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(pid)); err != nil {
			return fmt.Errorf("enter the cgroup: %w", err)
		}
	}
	return nil
}

// outOfMemory counts the processes that the kernel has killed for the limit.
func (g *cgroup) outOfMemory() int {
	at, limited := g.sites[memoryController]
	if !limited {
		return 0
	}
	file := "memory.oom_control"
	if at.version == 2 {
		file = "memory.events"
	}
	data, err := os.ReadFile(filepath.Join(at.dir, file))
	if err != nil {
		return 0
	}
	return counter(string(data), "oom_kill")
}

// counter returns a number of a file that has a name and a number in each line.
func counter(text, name string) int {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.Atoi(value); err == nil && key == name {
			return n
		}
	}
	return 0
}

// removeCgroups removes those that an instance's folder names, with what is left
// in them.
func removeCgroups(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, cgroupsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the instance's cgroups: %w", err)
	}
	named := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		path := strings.TrimSuffix(line, "\n")
		if own := ownCgroup.FindStringSubmatch(filepath.Base(path)); own != nil && own[1] == filepath.Base(dir) {
			named[path] = true // a line that a power cut has torn names nobody's, or another's
		}
	}
	var errs []error
	for _, path := range slices.Sorted(maps.Keys(named)) {
		errs = append(errs, removeCgroup(path))
	}
	return errors.Join(errs...)
}

// removeCgroup removes one, and kills what is in it. That takes a moment, since
// processes leave their cgroup when they have ended.
func removeCgroup(dir string) error {
	const limit = 2 * time.Second
	for deadline := time.Now().Add(limit); ; {
		err := unix.Rmdir(dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return fmt.Errorf("remove the cgroup %s: %w", dir, err)
		}
		for _, pid := range members(dir) {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have ended
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// members returns the processes in a cgroup. Those outside of our own PID
// namespace have no number.
func members(dir string) []int {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	var all []int
	for field := range strings.FieldsSeq(string(data)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 1 {
			all = append(all, pid)
		}
	}
	return all
}
