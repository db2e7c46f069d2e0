package process

import (
	"fmt"
	"os/exec"
	"time"

	"github.com/davit-dev/davit/internal/driver"
)

// What the tests of parsers and of pure decisions look at.
var (
	LandlockABI   = landlockABI
	Expand        = expand
	Listeners     = listeners
	DecodeAddress = decodeAddress
	LookUpUser    = lookUpUser
	FreePort      = freePort
	ClaimPort     = claimPort
	AnswersFor    = answersFor
)

const (
	LandlockNeeded = landlockNeeded
	MaxLog         = maxLog
	MaxRate        = maxRate
	KeptLogs       = keptLogs
	Longest        = longest
)

// Environment is what a program with an address sees.
func Environment(spec driver.Spec, address string) []string {
	return environment(spec, address, variables{}).list()
}

// Patience decides what follows the ends of a program.
type Patience struct{ p patience }

// Ended takes note of an end.
func (p *Patience) Ended(now time.Time, ran time.Duration, everReady bool) (time.Duration, bool) {
	return p.p.ended(now, ran, everReady)
}

// Record runs a command and keeps its output in a log, as a shim does.
func Record(cmd *exec.Cmd, path string, notes ...string) error {
	l, err := openLog(path)
	if err != nil {
		return err
	}
	o, err := l.attach(cmd)
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		o.abort()
		return err
	}
	o.started()
	err = cmd.Wait()
	o.wait()
	for _, note := range notes {
		l.note("%s", note)
	}
	if closeErr := l.Close(); closeErr != nil {
		return closeErr
	}
	return err
}

// Follow reads the log at path with fn now and each time that it is called.
func Follow(path string, fn func(line string)) (more func() error, end func(), err error) {
	s, err := openSource(path)
	if err != nil {
		return nil, nil, err
	}
	m := &merger{order: []*source{s}}
	return func() error {
		return m.each(func(line []byte) error { fn(string(line)); return nil })
	}, m.close, nil
}

// Delegated returns the cgroup that can be divided by a process in one.
func Delegated(mount, own, c string, wanted bool) (string, error) {
	return place{mount: mount, dir: own}.delegated(controller(c), wanted)
}

// Places says where the cgroups of a process are.
func Places(cgroups, mounts string) string {
	found := places(cgroups, mounts)
	return fmt.Sprintf("memory=%s cpu=%s pids=%s unified=%s",
		found[memoryController].dir, found[cpuController].dir, found[pidsController].dir, found[unified].dir)
}

// PlaceDirs returns mount and folder of each of them.
func PlaceDirs(cgroups, mounts string) [][2]string {
	var all [][2]string
	for _, p := range places(cgroups, mounts) {
		all = append(all, [2]string{p.mount, p.dir})
	}
	return all
}
