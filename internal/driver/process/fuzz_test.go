package process

import (
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/driver"
)

func FuzzExpand(f *testing.F) {
	f.Add("--port=$(PORT)", "80")
	f.Add("$$(PORT) $(NO $ $(", "x)")
	f.Fuzz(func(t *testing.T, text, value string) {
		v := &variables{values: map[string]string{}}
		v.set("PORT", value)
		got := expand(text, v)
		if !strings.Contains(text, "$") && got != text {
			t.Errorf("%q became %q", text, got)
		}
		if got := expand(strings.ReplaceAll(text, "$", "$$"), v); got != text {
			t.Errorf("the escaped %q became %q", text, got)
		}
	})
}

func FuzzListeners(f *testing.F) {
	f.Add([]byte("  sl  local_address rem_address   st\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1\n"))
	f.Add([]byte("0: 00000000000000000000000000000000:0050 0 0A 0 0 0 0 0 77"))
	f.Fuzz(func(t *testing.T, table []byte) {
		for _, address := range listeners(table, map[string]bool{"77": true}) {
			if !strings.Contains(address, ":") {
				t.Errorf("address %q", address)
			}
		}
	})
}

func TestListenersReadTheKernelsForm(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1
   2: 0100007F:1F91 00000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 77 1
   3: 0100007F:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 78 1
   4: 00000000000000000000000001000000:1F93 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 77 1
`
	got := strings.Join(listeners([]byte(table), map[string]bool{"77": true}), " ")
	if want := "127.0.0.1:8080 :80 [::1]:8083"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUsersOfAnImage(t *testing.T) {
	for user, want := range map[string][2]int{"": {65532, 65532}, "7": {7, 7}, "7:8": {7, 8}} {
		uid, gid, err := lookUpUser(t.TempDir(), user)
		if err != nil || uid != want[0] || gid != want[1] {
			t.Errorf("%q: %d %d %v", user, uid, gid, err)
		}
	}
	for _, user := range []string{"nobody", "-1", "7:staff"} {
		if _, _, err := lookUpUser(t.TempDir(), user); err == nil {
			t.Errorf("%q was found", user)
		}
	}
}

func TestTheEnvironmentIsInOrder(t *testing.T) {
	spec := driver.Spec{Image: driver.Image{Env: []string{"A=image", "B=image"}}, Env: []string{"B=last"}}
	spec.Run.Env = map[string]string{"B": "run", "C": "$(A) $(PORT)"}
	got := strings.Join(environment(spec, "127.0.0.1:81").list(), " ")
	for _, want := range []string{"A=image", "B=last", "C=image 81", "PORT=81", "HOST=127.0.0.1"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}
