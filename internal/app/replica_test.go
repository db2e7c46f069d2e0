package app

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/release"
)

func TestReplicaNames(t *testing.T) {
	for _, release := range []string{"orders-1", "my-r2-12", "orders-1-staging"} {
		for _, n := range []int{1, 2, 64} {
			if got, m := replicaOf(replicaID(release, n)); got != release || m != n {
				t.Errorf("%s, %d: got %s, %d", release, n, got, m)
			}
		}
	}
	for _, id := range []string{"orders-r", "orders-r1", "orders-rx", "orders-r-2"} {
		if release, n := replicaOf(id); release != id || n != 1 {
			t.Errorf("%s is taken for instance %d of %s", id, n, release)
		}
	}
}

func TestHealthOfReleases(t *testing.T) {
	got := healthOf([]driver.Instance{
		{ID: "a-1", App: "a", State: driver.Ready, Address: "127.0.0.1:1"},
		{ID: "a-1-r2", App: "a", State: driver.CrashLoop, Restarts: 4, Reason: "exit status 2"},
		{ID: "a-1-r3", App: "a", State: driver.Ready, Restarts: 1, Ended: "out of memory", Address: "127.0.0.1:3"},
		{ID: "a-2", App: "a", State: driver.Starting, Reason: "no answer"},
		{ID: "a-3-staging", App: "a", State: driver.Ready},
		{ID: "b-1", App: "b", State: driver.Ready},
	}, "a", strings.ToUpper)
	want := map[string]release.Health{
		"a-1": {Instances: 2, Ready: 2, Restarts: 5, Reason: "OUT OF MEMORY", At: "127.0.0.1:1 127.0.0.1:3"},
		"a-2": {Instances: 1, Reason: "NO ANSWER"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestWhereReleasesAnswer(t *testing.T) {
	instance := func(id string, state driver.State, port int) driver.Instance {
		return driver.Instance{ID: id, State: state, Address: fmt.Sprintf("127.0.0.1:%d", port)}
	}
	got := answering([]driver.Instance{
		instance("a-1-r10", driver.Ready, 10), instance("a-1-r2", driver.Ready, 2), instance("a-1", driver.Ready, 1),
		instance("a-1-r3", driver.Backoff, 3), instance("b-7", driver.Starting, 7), instance("b-7-r2", driver.Backoff, 8),
	})
	want := map[string]answers{
		"a-1": {well: []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:10"}, unwell: []string{"127.0.0.1:3"}},
		"b-7": {well: []string{"127.0.0.1:7", "127.0.0.1:8"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
