package process_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/driver/process"
)

func lookIn(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { value, known := values[name]; return value, known }
}

func TestExpand(t *testing.T) {
	look := lookIn(map[string]string{"PORT": "20001", "EMPTY": "", "DOLLAR": "$(PORT)", "": "nameless"})
	for text, want := range map[string]string{
		"":                    "",
		"--port=$(PORT)":      "--port=20001",
		"$(PORT)$(PORT)":      "2000120001",
		"$(EMPTY)x":           "x",
		"$(UNKNOWN)":          "$(UNKNOWN)",
		"$$(PORT)":            "$(PORT)",
		"$$$(PORT)":           "$20001",
		"$(DOLLAR)":           "$(PORT)", // once is enough
		"$PORT ${PORT} $":     "$PORT ${PORT} $",
		"$(PORT":              "$(PORT",
		"$(":                  "$(",
		"$()":                 "nameless",
		"$x) $(PORT)":         "$x) 20001",
		"price: 5$ (or more)": "price: 5$ (or more)",
	} {
		if got := process.Expand(text, look); got != want {
			t.Errorf("%q is expanded to %q, not %q", text, got, want)
		}
	}
}

func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"", "$", "$$", "$(A)", "$$(A)", "$(A", "x$(B)$(A)y", "$(A)$", "$($(A))"} {
		f.Add(seed, "value")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		look := lookIn(map[string]string{"A": value})
		got := process.Expand(text, look)
		if !strings.Contains(text, "$") && got != text {
			t.Errorf("%q without a reference became %q", text, got)
		}
		if quoted := process.Expand(strings.ReplaceAll(text, "$", "$$"), look); quoted != text {
			t.Errorf("%q, quoted, became %q", text, quoted)
		}
		if len(got) > len(text)+process.Longest {
			t.Errorf("%d bytes became %d", len(text), len(got))
		}
	})
}

func TestEnvironment(t *testing.T) {
	spec := driver.Spec{
		Image: driver.Image{Env: []string{"A=image", "B=image $(A)", "PORT=80", "nonsense", "=x"}},
		Run: driver.Config{Env: map[string]string{
			"A": "run", "X": "$(Y)", "Y": "$(Z)$(PORT)", "Z": "<$(B)>", "LOOP": "a$(POOL)", "POOL": "b$(LOOP)", "SELF": "$(SELF)",
		}},
		Env: []string{"C=spec", "Z=$(C)"},
	}
	want := []string{
		"A=run", "B=image $(A)", "C=spec", "HOST=127.0.0.1", "LOOP=ab$(LOOP)", "POOL=b$(LOOP)", "PORT=20001",
		"SELF=$(SELF)", "X=spec20001", "Y=spec20001", "Z=spec",
	}
	if got := process.Environment(spec, "127.0.0.1:20001"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// Variables that double each other must not fill the memory.
func TestEnvironmentIsBounded(t *testing.T) {
	env := map[string]string{"V00": strings.Repeat("x", 1000)}
	for i := range 60 {
		env[fmt.Sprintf("V%02d", i+1)] = fmt.Sprintf("$(V%02d)$(V%02d)", i, i)
	}
	for _, pair := range process.Environment(driver.Spec{Run: driver.Config{Env: env}}, "127.0.0.1:1") {
		if len(pair) > process.Longest+100 {
			t.Errorf("%s… has %d bytes", pair[:10], len(pair))
		}
	}
}

const socketTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0000000000000000 100 0 0 10 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0000000000000000 100 0 0 10 0
   2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0000000000000000 100 0 0 10 0
   3: 0100007F:1F90 0100007F:E240 01 00000000:00000000 00:00000000 00000000     0        0 111 1 0000000000000000 100 0 0 10 0
   4: 00000000000000000000000001000000:0051 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 111 1
`

func TestListeners(t *testing.T) {
	mine := map[string]bool{"111": true, "222": true}
	want := []string{"127.0.0.1:8080", ":80", "[::1]:81"}
	if got := process.Listeners([]byte(socketTable), mine); !slices.Equal(got, want) {
		t.Errorf("got %q, not %q", got, want)
	}
}

func FuzzListeners(f *testing.F) {
	f.Add([]byte(socketTable), "0100007F:1F90")
	f.Add([]byte("0: : 0: 0A 0 0 0 0 0 111"), ":")
	f.Add([]byte("0: FF:1 0:0 0A 0 0 0 0 0 111"), "0000000000000000FFFF00000100007F:0001")
	f.Fuzz(func(t *testing.T, table []byte, text string) {
		for _, address := range process.Listeners(table, map[string]bool{"111": true}) {
			if _, _, err := net.SplitHostPort(address); err != nil {
				t.Errorf("%q is no address: %v", address, err)
			}
		}
		address, ok := process.DecodeAddress(text)
		if !ok {
			return
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, address, err)
		}
		if number, err := strconv.Atoi(port); err != nil || number < 0 || number > 65535 {
			t.Errorf("%q became the port %q", text, port)
		}
		if host != "" && net.ParseIP(host) == nil {
			t.Errorf("%q became the host %q", text, host)
		}
	})
}

// Two processes may have chosen the same port: the answers of the other must not
// count.
func TestAnswersForOthersDoNotCount(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other := exec.CommandContext(t.Context(), "sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = other.Process.Kill() // the test's context may have done so
		_ = other.Wait()
	})
	address := l.Addr().String()
	if !process.AnswersFor(os.Getpid(), address) {
		t.Error("it is ours")
	}
	if process.AnswersFor(other.Process.Pid, address) {
		t.Error("it is not the other's")
	}
}

func imageWithPasswd(t *testing.T, passwd string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "etc", "passwd"), []byte(passwd), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestLookUpUser(t *testing.T) {
	root := imageWithPasswd(t, "root:x:0:0:root:/root:/sbin/nologin\nbroken:x:y\napp:x:100:101::/home/app:/bin/sh\n")
	for user, want := range map[string][2]int{
		"": {65532, 65532}, "7": {7, 7}, "7:8": {7, 8}, "app": {100, 101}, "app:5": {100, 5}, "root": {0, 0}, "0": {0, 0},
	} {
		uid, gid, err := process.LookUpUser(root, user)
		if err != nil || [2]int{uid, gid} != want {
			t.Errorf("%q is %d:%d, %v", user, uid, gid, err)
		}
	}
	for _, user := range []string{"-1", "nobody", "broken", "7:staff", "4294967295", "99999999999999999999", ":"} {
		if uid, gid, err := process.LookUpUser(root, user); err == nil {
			t.Errorf("%q is %d:%d", user, uid, gid)
		}
	}
	if err := os.Remove(filepath.Join(root, "etc", "passwd")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(root, "etc", "passwd")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := process.LookUpUser(root, "root"); err == nil {
		t.Error("the host's users were looked up")
	}
}

func FuzzLookUpUser(f *testing.F) {
	f.Add("app", "app:x:1:2::/:/bin/sh\n")
	f.Add("app:3", "app:x:-1:2\n")
	f.Add("4294967296:1", "")
	f.Add(":", ":::::\n")
	f.Fuzz(func(t *testing.T, user, passwd string) {
		uid, gid, err := process.LookUpUser(imageWithPasswd(t, passwd), user)
		if err == nil && (uid < 0 || gid < 0 || uid >= 1<<32-1 || gid >= 1<<32-1) {
			t.Errorf("%q is %d:%d", user, uid, gid)
		}
	})
}

func TestPortsLieBelowThoseOfTheKernel(t *testing.T) {
	for range 20 {
		port, claim, err := process.FreePort()
		if err != nil || port < 20000 || port > 32767 {
			t.Fatalf("got %d, %v", port, err)
		}
		if err := claim.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAClaimedPortIsNobodyElses(t *testing.T) {
	port, claim, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := process.ClaimPort(port); err == nil {
		t.Error("it can be claimed twice", again.Close())
	}
	if err := claim.Close(); err != nil {
		t.Error(err)
	}
	again, err := process.ClaimPort(port)
	if err != nil {
		t.Fatal("it cannot be claimed after its end:", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
