package process

import (
	"fmt"
	"runtime"
	"strconv"

	"github.com/davit-dev/davit/internal/driver"
)

// maxProcesses is the most processes and threads of an instance: none needs so
// many, and what multiplies without end leaves the machine some.
const maxProcesses = 4096

// limit is what an instance may use of one thing.
type limit struct {
	controller controller
	text       string // for people; "" when nobody asked for it
	v1, v2     []setting
}

// setting is a file of a cgroup and what is written to it.
type setting struct {
	file, value string
	optional    bool // not every kernel has it
}

// limitsOf returns the limits of an instance in the terms of the kernel's
// Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst. Memory is limited with
// swap, so that a leak ends and does not crawl.
func limitsOf(run driver.Config, processes int) []limit {
	var all []limit
	if run.Memory != 0 {
		bytes := strconv.FormatInt(run.Memory.Bytes(), 10)
		all = append(all, limit{
			controller: memoryController, text: "memory " + run.Memory.String(),
			v1: []setting{{"memory.limit_in_bytes", bytes, false}, {"memory.memsw.limit_in_bytes", bytes, true}},
			v2: []setting{{"memory.max", bytes, false}, {"memory.swap.max", "0", true}, {"memory.oom.group", "1", true}},
		})
	}
	if run.CPU != 0 {
		const period = 100_000 // microseconds, the kernel's default
		quota := strconv.FormatInt(run.CPU.Milli()*period/1000, 10)
		all = append(all, limit{
			controller: cpuController, text: "cpu " + run.CPU.String(),
			v1: []setting{{"cpu.cfs_period_us", strconv.Itoa(period), false}, {"cpu.cfs_quota_us", quota, false}},
			v2: []setting{{"cpu.max", quota + " " + strconv.Itoa(period), false}},
		})
	}
	most := []setting{{"pids.max", strconv.Itoa(processes), false}}
	return append(all, limit{controller: pidsController, v1: most, v2: most})
}

// advice is what a Go program is told of its limits where nobody set the
// variables: to collect garbage before there is none left to collect, and to use
// as many threads as it has cores. It would see the latter by itself, but an
// instance sees no cgroups; where there is one the runtime's own rule is applied,
// which wants two for the garbage collector.
func advice(run driver.Config, enforced bool) variables {
	told := variables{}
	if run.Memory != 0 {
		told["GOMEMLIMIT"] = fmt.Sprintf("%dKiB", run.Memory.Bytes()/1024*9/10)
	}
	if run.CPU != 0 {
		procs := run.CPU.Ceil()
		if enforced {
			procs = max(procs, 2)
		}
		told["GOMAXPROCS"] = strconv.Itoa(min(procs, runtime.NumCPU()))
	}
	return told
}
