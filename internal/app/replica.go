package app

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/driver"
)

// replicaMark stands between a release and the number of one of its instances.
// Names of releases end with a hyphen and digits, so it is in none of them.
const replicaMark = "-r"

// replicaID names the n-th instance of a release, from 1. The first has the name of
// the release, as when there was only one.
func replicaID(release string, n int) string {
	if n == 1 {
		return release
	}
	return release + replicaMark + strconv.Itoa(n)
}

// replicaOf is the inverse of replicaID.
func replicaOf(id string) (release string, n int) {
	if i := strings.LastIndex(id, replicaMark); i >= 0 {
		if n, err := strconv.Atoi(id[i+len(replicaMark):]); err == nil && n > 1 {
			return id[:i], n
		}
	}
	return id, 1
}

// releaseOf says which release an instance is of.
func releaseOf(i driver.Instance) string {
	release, _ := replicaOf(i.ID)
	return release
}

// answers are where the instances of a release answer: those that are well, and the
// others.
type answers struct{ well, unwell []string }

// answering returns where each release answers. Where no instance is well all of
// them count as such, since one may be by the time it is asked.
func answering(instances []driver.Instance) map[string]answers {
	instances = slices.SortedFunc(slices.Values(instances), func(a, b driver.Instance) int {
		_, m := replicaOf(a.ID)
		_, n := replicaOf(b.ID)
		return cmp.Compare(m, n)
	})
	all := map[string]answers{}
	for _, i := range instances {
		if i.Address == "" {
			continue // it waits for what it needs, and has no port yet
		}
		at := all[releaseOf(i)]
		if i.State == driver.Ready {
			at.well = append(at.well, i.Address)
		} else {
			at.unwell = append(at.unwell, i.Address)
		}
		all[releaseOf(i)] = at
	}
	for release, at := range all {
		if len(at.well) == 0 {
			all[release] = answers{well: at.unwell}
		}
	}
	return all
}
