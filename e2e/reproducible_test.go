package e2e

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// buildDigest builds the module in dir and returns the digest of its image.
func buildDigest(t *testing.T, dir string, env ...string) string {
	t.Helper()
	env = append([]string{goCache(t)}, env...)
	return digestOf(t, runCommand(t, dir, append(os.Environ(), env...), binary, "build", "--push=false", "--json"))
}

// goCache is the setting of the go command's cache that XDG_CACHE_HOME does not
// change.
func goCache(t *testing.T) string {
	t.Helper()
	return "GOCACHE=" + strings.TrimSpace(clean(t, runCommand(t, "", os.Environ(), "go", "env", "GOCACHE")))
}

func digestOf(t *testing.T, r result) string {
	t.Helper()
	if r.code != 0 {
		t.Fatalf("davit build: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	var built struct{ Digest string }
	if err := json.Unmarshal([]byte(r.stdout), &built); err != nil {
		t.Fatal(err)
	}
	return built.Digest
}

// TestOneDigestEverywhere builds one tree as differently as a machine allows.
func TestOneDigestEverywhere(t *testing.T) {
	dir := httpbinSource(t, httpbinLatest, "")
	want := buildDigest(t, dir)
	same := func(t *testing.T, got string) {
		t.Helper()
		if got != want {
			t.Errorf("the digest is %s, not %s", got, want)
		}
	}
	t.Run("nothing changed", func(t *testing.T) { same(t, buildDigest(t, dir)) })
	t.Run("other folder", func(t *testing.T) { same(t, buildDigest(t, httpbinSource(t, httpbinLatest, ""))) })
	t.Run("cold davit cache", func(t *testing.T) { same(t, buildDigest(t, dir, "XDG_CACHE_HOME="+t.TempDir())) })
	t.Run("cold go cache, one core", func(t *testing.T) {
		args := []string{"-c", "0", binary, "build", "--push=false", "--json"}
		env := append(os.Environ(), "GOMAXPROCS=1", "GOCACHE="+t.TempDir(), "XDG_CACHE_HOME="+t.TempDir())
		same(t, digestOf(t, runCommand(t, dir, env, need(t, "taskset"), args...)))
	})
	t.Run("other locale, umask and temporary folder", func(t *testing.T) {
		before := syscall.Umask(0o077)
		defer syscall.Umask(before)
		env := []string{"TMPDIR=" + t.TempDir(), "LC_ALL=de_DE.UTF-8", "TZ=Asia/Shanghai", "XDG_CACHE_HOME=" + t.TempDir(), "GOFLAGS=-race", "GOAMD64=v3"}
		same(t, buildDigest(t, dir, env...))
	})
	t.Run("other user", func(t *testing.T) { same(t, asOtherUser(t, dir)) })
	t.Run("a year ahead", func(t *testing.T) {
		env := []string{"XDG_CACHE_HOME=" + t.TempDir()}
		same(t, aYearAhead(t, func() string { return buildDigest(t, dir, env...) }))
	})
}

// asOtherUser builds a copy of a tree as somebody without privileges, who has
// caches of his own.
func asOtherUser(t *testing.T, dir string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	const user = 65533
	home, err := os.MkdirTemp("/tmp", "davit-user-") //nolint:usetesting // t.TempDir is in a folder that others cannot enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) }) // the system clears what stays
	tree, program := filepath.Join(home, "tree"), filepath.Join(home, "davit")
	modules := runCommand(t, "", os.Environ(), "go", "env", "GOMODCACHE").stdout
	copied := runCommand(t, "", os.Environ(), "sh", "-c", `cp -r "$1" "$2" && cp "$3" "$4" && mkdir -p "$5/pkg" && cp -r "$6/cache" "$5/pkg/mod-download" && chown -R "$7:$7" "$5"`,
		"sh", dir, tree, binary, program, home, strings.TrimSpace(modules), strconv.Itoa(user))
	if copied.code != 0 {
		t.Fatalf("copy the tree: %s", copied.stderr)
	}
	cmd := exec.CommandContext(t.Context(), program, "build", "--push=false", "--json")
	cmd.Dir = tree
	cmd.Env = []string{
		"HOME=" + home, "PATH=" + os.Getenv("PATH"), "GOFLAGS=-modcacherw", "GOSUMDB=off",
		"GOPROXY=file://" + filepath.Join(home, "pkg", "mod-download", "download"),
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("davit build: %v\n%s", err, stderr.String())
	}
	return digestOf(t, result{stdout: string(output)})
}

// aYearAhead sets the clock of the machine for the time of a build. That is for
// machines that are there for these tests alone.
func aYearAhead(t *testing.T, build func() string) string {
	t.Helper()
	if os.Getenv("CI") == "" || os.Geteuid() != 0 {
		t.Skip("the clock is only set as root and where CI is set: it is the machine's")
	}
	const year = 365 * 24 * time.Hour
	begin := time.Now() // with its monotonic reading
	set := func(now time.Time) error {
		tv := unix.NsecToTimeval(now.UnixNano())
		return unix.Settimeofday(&tv)
	}
	if err := set(begin.Add(year)); err != nil {
		t.Skipf("the clock cannot be set here: %v", err)
	}
	defer func() {
		if err := set(begin.Add(time.Since(begin))); err != nil {
			t.Errorf("the clock could not be set back: %v", err)
		}
	}()
	return build()
}

// TestKilledBuildsLeaveNothingBroken kills builds at random moments and wants the
// right image afterwards.
func TestKilledBuildsLeaveNothingBroken(t *testing.T) {
	dir, cache := httpbinSource(t, httpbinLatest, ""), t.TempDir()
	layout := filepath.Join(t.TempDir(), "layout")
	want := buildDigest(t, dir)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, seed))
	for round := range 12 {
		if round%3 == 0 { // from the beginning
			if err := os.RemoveAll(cache); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(binary, "build", "--push=false", "--oci-layout", layout)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "XDG_CACHE_HOME="+cache, goCache(t))
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(random.Int64N(int64(1500*time.Millisecond))), func() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended
		})
		_ = cmd.Wait() // killed or not, what comes after counts
		timer.Stop()
		if round%4 != 3 {
			continue
		}
		r := runCommand(t, dir, append(os.Environ(), "XDG_CACHE_HOME="+cache, goCache(t)), binary, "build", "--push=false", "--json", "--oci-layout", layout)
		if got := digestOf(t, r); got != want {
			t.Fatalf("seed %d, round %d: the digest is %s, not %s", seed, round, got, want)
		}
		if r := runCommand(t, "", os.Environ(), need(t, "skopeo"), "inspect", "oci:"+layout); r.code != 0 {
			t.Errorf("seed %d, round %d: %s", seed, round, r.stderr)
		}
	}
}
