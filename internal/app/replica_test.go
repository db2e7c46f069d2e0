package app

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/davit-dev/davit/internal/driver"
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

func TestWhereReleasesAnswer(t *testing.T) {
	instance := func(id string, state driver.State, port int) driver.Instance {
		return driver.Instance{ID: id, State: state, Address: fmt.Sprintf("127.0.0.1:%d", port)}
	}
	got := answering([]driver.Instance{
		instance("a-1-r10", driver.Ready, 10), instance("a-1-r2", driver.Ready, 2), instance("a-1", driver.Ready, 1),
		instance("a-1-r3", driver.Backoff, 3), instance("b-7", driver.Starting, 7), instance("b-7-r2", driver.Backoff, 8),
	})
	want := map[string][]string{
		"a-1": {"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:10"},
		"b-7": {"127.0.0.1:7", "127.0.0.1:8"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
