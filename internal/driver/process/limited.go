package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// limit makes the instance's cgroup with all limits that can be had, and says
// which those are. What cannot be had is no reason not to start, but it is said.
func (s *shim) limit() {
	found, findErr := findPlaces(s.order.Proc)
	s.group.sites = map[controller]site{}
	var kept []string
	var lost missing
	limits := limitsOf(s.order.Spec.Run, s.order.Processes)
	asked := slices.ContainsFunc(limits, func(l limit) bool { return l.text != "" })
	for _, l := range limits {
		version, err := 0, findErr
		if err == nil {
			version, err = s.add(found, l, asked)
		}
		switch {
		case l.text == "": // nobody asked for it
		case err != nil:
			lost.add(l.text, err)
		default:
			kept = append(kept, fmt.Sprintf("%s (cgroup v%d)", l.text, version))
		}
	}
	s.tellLimits(strings.Join(kept, ", "), lost.String())
}

// tellLimits says which limits are in force and which are not.
func (s *shim) tellLimits(kept, lost string) {
	s.set(func(now *status) { now.Limits, now.Unlimited = kept, lost })
	if kept != "" {
		s.log.note("limited: %s", kept)
	}
	if lost != "" {
		s.log.note("not limited: %s", lost)
	}
}

// missing are limits that are not in force, by the reason.
type missing struct{ reasons, texts []string }

func (m *missing) add(text string, why error) {
	i := slices.Index(m.reasons, why.Error())
	if i < 0 {
		m.reasons, m.texts = append(m.reasons, why.Error()), append(m.texts, text)
		return
	}
	m.texts[i] += ", " + text
}

func (m *missing) String() string {
	parts := make([]string, len(m.texts))
	for i, text := range m.texts {
		parts[i] = text + ": " + m.reasons[i]
	}
	return strings.Join(parts, "; ")
}

// add puts a limit in force and returns the version of cgroups that does it.
func (s *shim) add(found map[controller]place, l limit, asked bool) (int, error) {
	at, err := siteOf(found, l.controller, s.order.Cgroup, asked)
	if err != nil {
		return 0, err
	}
	if !slices.Contains(s.group.dirs(), at.dir) {
		if err := errors.Join(s.noteCgroup(at.dir), makeCgroup(at.dir)); err != nil {
			return 0, err
		}
	}
	settings := l.v1
	if at.version == 2 {
		settings = l.v2
	}
	if err := apply(at.dir, settings); err != nil {
		return 0, err
	}
	s.group.sites[l.controller] = at
	return at.version, nil
}

// noteCgroup keeps the name of a cgroup on disk.
func (s *shim) noteCgroup(dir string) error {
	f, err := os.OpenFile(filepath.Join(s.dir, cgroupsName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("note the cgroup: %w", err)
	}
	_, err = f.WriteString(dir + "\n")
	return errors.Join(err, f.Close())
}

// admit moves a program that has not begun into the cgroup. When that fails it
// goes on without limits, and that is said.
func (s *shim) admit(pid int) {
	err := s.group.enter(pid)
	if err == nil {
		return
	}
	s.group.sites = nil
	var lost missing
	for _, l := range limitsOf(s.order.Spec.Run, s.order.Processes) {
		if l.text != "" {
			lost.add(l.text, err)
		}
	}
	s.tellLimits("", lost.String())
}

// whyEnded says why a program ended by itself. What the kernel ends for want of
// memory is only seen to be killed.
func (s *shim) whyEnded(c *child) error {
	reason := c.reason()
	if s.group.outOfMemory() == c.outOfMemory {
		return reason
	}
	limit := s.order.Spec.Run.Memory
	if !c.killed() {
		return fmt.Errorf("%w, after one of its processes was killed: together they used more than run.memory = %s", reason, limit)
	}
	return fmt.Errorf("out of memory: it used more than run.memory = %s (raise run.memory, or find out what the program holds on to)", limit)
}
