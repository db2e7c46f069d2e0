package process

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// controller is a kind of limit that cgroups have.
type controller string

// The controllers that limit an instance. Version 2 of cgroups has one hierarchy
// for all of them, version 1 one for each (cgroups(7)).
const (
	memoryController controller = "memory"
	cpuController    controller = "cpu"
	pidsController   controller = "pids"

	unified controller = "" // stands for the hierarchy of version 2
)

// place is where this process is in a hierarchy of cgroups.
type place struct {
	mount string // where the hierarchy can be seen
	dir   string // the process's own cgroup in it
}

// findPlaces looks where this process's cgroups are; proc is where proc(5) is
// mounted.
func findPlaces(proc string) (map[controller]place, error) {
	var tables [2][]byte
	for i, name := range []string{"cgroup", "mountinfo"} {
		data, err := os.ReadFile(filepath.Join(proc, "self", name))
		if err != nil {
			return nil, fmt.Errorf("find cgroups: %w", err)
		}
		tables[i] = data
	}
	return places(string(tables[0]), string(tables[1])), nil
}

// places reads a process's cgroups and its mounts (cgroups(7), /proc/pid/cgroup;
// proc_pid_mountinfo(5)). A path with .. in it leads out of our cgroup namespace.
func places(cgroups, mounts string) map[controller]place {
	seen := hierarchies(mounts)
	found := map[controller]place{}
	for line := range strings.Lines(cgroups) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) != 3 || filepath.Clean(fields[2]) != fields[2] {
			continue
		}
		for name := range strings.SplitSeq(fields[1], ",") {
			c := controller(name)
			for _, h := range seen[c] {
				if _, known := found[c]; !known && within(h.root, fields[2]) {
					below, _ := filepath.Rel(h.root, fields[2]) // both are absolute
					found[c] = place{mount: h.mount, dir: filepath.Join(h.mount, below)}
				}
			}
		}
	}
	return found
}

// hierarchy is one that is mounted: which part of it can be seen, and where.
type hierarchy struct{ root, mount string }

func hierarchies(mounts string) map[controller][]hierarchy {
	known := []controller{memoryController, cpuController, pidsController}
	found := map[controller][]hierarchy{}
	for line := range strings.Lines(mounts) {
		left, right, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		mount, kind := strings.Fields(left), strings.Fields(right)
		if len(mount) < 5 || len(kind) < 3 {
			continue
		}
		h := hierarchy{root: unescape(mount[3]), mount: unescape(mount[4])}
		if !filepath.IsAbs(h.root) || !filepath.IsAbs(h.mount) || filepath.Clean(h.root) != h.root {
			continue
		}
		switch kind[0] {
		case "cgroup2":
			found[unified] = append(found[unified], h)
		case "cgroup":
			for option := range strings.SplitSeq(kind[2], ",") {
				if c := controller(option); slices.Contains(known, c) {
					found[c] = append(found[c], h)
				}
			}
		}
	}
	return found
}

var escaped = regexp.MustCompile(`\\[0-7]{3}`)

// unescape turns the kernel's \040 into a space again.
func unescape(text string) string {
	return escaped.ReplaceAllStringFunc(text, func(code string) string {
		b, err := strconv.ParseUint(code[1:], 8, 8)
		if err != nil {
			return code
		}
		return string([]byte{byte(b)})
	})
}
