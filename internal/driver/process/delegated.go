package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ownLeaf is the cgroup of davit's own processes, beside those of the instances.
// It is the DelegateSubgroup of davit's unit for systemd.
const ownLeaf = "davit"

// howDelegated says what to do where nobody gave davit a cgroup of its own.
const howDelegated = "run davit as the unit of 'davit serve --print-systemd', or in 'systemd-run --scope -p Delegate=yes'"

// delegated returns the cgroup in which those of instances can be made and have a
// controller. In version 2 a cgroup that gives controllers to others below it
// holds no processes (cgroups(7), "no internal processes"), unless it is the
// machine's root; so davit's own may have to move into one of theirs, which is
// done only when somebody asked for limits.
func (p place) delegated(c controller, asked bool) (string, error) {
	base, crowded, err := p.base()
	if err != nil {
		return "", err
	}
	if !slices.Contains(words(filepath.Join(base, "cgroup.controllers")), string(c)) {
		return "", fmt.Errorf("the cgroup %s has no controller %s", base, c)
	}
	if crowded && !asked {
		return "", fmt.Errorf("the cgroup %s holds processes", base)
	}
	const attempts = 5 // others may have been started meanwhile
	for range attempts {
		if crowded {
			err = vacate(base)
		}
		if err == nil {
			err = enable(base, c)
		}
		if !errors.Is(err, unix.EBUSY) {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("prepare the cgroup %s: %w", base, err)
	}
	return base, nil
}

// base returns the cgroup that is davit's to divide, and whether its processes
// are in the way of that.
func (p place) base() (base string, crowded bool, err error) {
	_, err = os.Stat(filepath.Join(p.dir, "cgroup.type"))
	switch {
	case p.dir == p.mount && errors.Is(err, fs.ErrNotExist): // only the machine's root has none
		return p.dir, false, nil
	case err != nil:
		return "", false, fmt.Errorf("look at davit's own cgroup: %w", err)
	case p.inLeaf():
		return filepath.Dir(p.dir), false, nil
	case p.dir == p.mount: // a container's root
		return p.dir, true, nil
	case !marked(p.dir):
		return "", false, fmt.Errorf("the cgroup %s is not davit's own: %s", p.dir, howDelegated)
	case strings.HasSuffix(p.dir, ".service"): // systemd starts it again there, which must be empty then
		return "", false, fmt.Errorf("the service has no DelegateSubgroup=%s, which systemd has since version 254: %s", ownLeaf, howDelegated)
	default:
		return p.dir, true, nil
	}
}

// inLeaf says whether the process is in davit's own part of a cgroup that is
// davit's to divide.
func (p place) inLeaf() bool {
	above := filepath.Dir(p.dir)
	return p.dir != p.mount && filepath.Base(p.dir) == ownLeaf && (above == p.mount || marked(above))
}

// marked says whether systemd has given a cgroup away (systemd's
// CGROUP_DELEGATION, "Three Scenarios").
func marked(dir string) bool {
	value := make([]byte, 8)
	return slices.ContainsFunc([]string{"user.delegate", "trusted.delegate"}, func(name string) bool {
		n, err := unix.Lgetxattr(dir, name, value)
		return err == nil && string(value[:n]) == "1"
	})
}

// vacate moves the processes of a cgroup into davit's own below it.
func vacate(base string) error {
	leaf := filepath.Join(base, ownLeaf)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, pid := range words(filepath.Join(base, "cgroup.procs")) {
		if _, err := strconv.Atoi(pid); err != nil {
			continue
		}
		err := write(filepath.Join(leaf, "cgroup.procs"), pid)
		if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
			return err
		}
	}
	return nil
}

// enable gives a controller to the cgroups below.
func enable(base string, c controller) error {
	control := filepath.Join(base, "cgroup.subtree_control")
	if slices.Contains(words(control), string(c)) {
		return nil
	}
	return write(control, "+"+string(c))
}

// words returns those of a file, none when it cannot be read.
func words(path string) []string {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Fields(string(data))
}
