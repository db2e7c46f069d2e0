package process_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/davit-dev/davit/internal/driver/process"
)

// tree makes files with their contents in a folder, which stands for a hierarchy
// of cgroups, and returns the folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}

// TestDividingTheOwnCgroup is about version 2, by the files that are written.
func TestDividingTheOwnCgroup(t *testing.T) {
	const all = "cpuset cpu io memory pids\n"
	cgroup := func(dir, procs string) map[string]string {
		return map[string]string{
			dir + "/cgroup.type": "domain\n", dir + "/cgroup.controllers": all, dir + "/cgroup.procs": procs,
			dir + "/cgroup.subtree_control": "", dir + "/davit/cgroup.procs": "", dir + "/davit/cgroup.type": "domain\n",
		}
	}
	for name, test := range map[string]struct {
		files  map[string]string
		own    string // below the mount
		marked string // given away by systemd
		wanted bool
		base   string // below the mount
		err    string
		leaf   string // what is written there
		enable string
	}{
		"the machine's root": {
			files: map[string]string{"cgroup.controllers": all, "cgroup.procs": "1\n", "cgroup.subtree_control": ""},
			own:   ".", wanted: false, base: ".", enable: "+memory",
		},
		"a container's root":          {files: cgroup(".", "7\n"), own: ".", wanted: true, base: ".", leaf: "7", enable: "+memory"},
		"that is left alone":          {files: cgroup(".", "7\n"), own: ".", wanted: false, err: "holds processes"},
		"where davit has moved":       {files: cgroup(".", ""), own: "davit", wanted: false, base: ".", enable: "+memory"},
		"a unit with a subgroup":      {files: cgroup("d.service", ""), own: "d.service/davit", marked: "d.service", base: "d.service", enable: "+memory"},
		"a unit without":              {files: cgroup("d.service", "7\n"), own: "d.service", marked: "d.service", wanted: true, err: "DelegateSubgroup=davit"},
		"a scope":                     {files: cgroup("d.scope", "7\n"), own: "d.scope", marked: "d.scope", wanted: true, base: "d.scope", leaf: "7", enable: "+memory"},
		"a session":                   {files: cgroup("s.scope", "7\n"), own: "s.scope", wanted: true, err: "is not davit's own: run davit as the unit"},
		"another's, called davit":     {files: cgroup("a/b", ""), own: "a/b/davit", wanted: true, err: "is not davit's own"},
		"one that has memory":         {files: with(cgroup(".", ""), "cgroup.subtree_control", "cpu memory\n"), own: "davit", base: ".", enable: "cpu memory\n"},
		"one that is given no memory": {files: with(cgroup(".", ""), "cgroup.controllers", "cpu\n"), own: "davit", err: "has no controller memory"},
		"one that is gone":            {own: "gone", wanted: true, err: "look at davit's own cgroup"},
	} {
		t.Run(name, func(t *testing.T) {
			mount := tree(t, test.files)
			if test.marked != "" {
				err := unix.Lsetxattr(filepath.Join(mount, test.marked), "user.delegate", []byte("1"), 0)
				if err != nil {
					t.Skipf("SKIP: this file system keeps no attributes: %v", err)
				}
			}
			base, err := process.Delegated(mount, filepath.Join(mount, test.own), "memory", test.wanted)
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Fatalf("got %v, want %q", err, test.err)
			}
			if err != nil {
				return
			}
			if base != filepath.Join(mount, test.base) {
				t.Errorf("it is %s below %s", base, mount)
			}
			if got := contentOf(t, filepath.Join(base, "davit", "cgroup.procs")); got != test.leaf {
				t.Errorf("moved %q, want %q", got, test.leaf)
			}
			if got := contentOf(t, filepath.Join(base, "cgroup.subtree_control")); got != test.enable {
				t.Errorf("enabled %q, want %q", got, test.enable)
			}
		})
	}
}

func with(files map[string]string, name, text string) map[string]string {
	files["./"+name] = text
	return files
}

func TestPlaces(t *testing.T) {
	const (
		v1 = "12 1 0:9 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory\n" +
			"13 1 0:9 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
		v2     = "14 1 0:9 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
		own    = "4:memory:/a\n3:cpu,cpuacct:/a:b\n2:cpuset:/a\n1:name=systemd:/a\n"
		memory = "/sys/fs/cgroup/memory/a"
		cpu    = "/sys/fs/cgroup/cpu,cpuacct/a:b"
	)
	for name, test := range map[string]struct{ cgroups, mounts, want string }{
		"nothing":                {"", "", "memory= cpu= pids= unified="},
		"version 1":              {own, v1, "memory=" + memory + " cpu=" + cpu + " pids= unified="},
		"both":                   {own + "0::/a\n", v1 + v2, "memory=" + memory + " cpu=" + cpu + " pids= unified=/sys/fs/cgroup/unified/a"},
		"version 2":              {"0::/s.slice/d.service\n", v2, "memory= cpu= pids= unified=/sys/fs/cgroup/unified/s.slice/d.service"},
		"a part of it":           {"4:memory:/docker/1/x\n", strings.ReplaceAll(v1, "0:9 / ", "0:9 /docker/1 "), "memory=/sys/fs/cgroup/memory/x cpu= pids= unified="},
		"another part":           {"4:memory:/docker/2\n", strings.ReplaceAll(v1, "0:9 / ", "0:9 /docker/1 "), "memory= cpu= pids= unified="},
		"outside of a namespace": {"0::/../x\n", v2, "memory= cpu= pids= unified="},
		"seen from a namespace":  {"0::/\n", strings.ReplaceAll(v2, "0:9 / ", "0:9 /.. "), "memory= cpu= pids= unified="},
		"with a space":           {"0::/a\n", strings.ReplaceAll(v2, "unified", `a\040b`), "memory= cpu= pids= unified=/sys/fs/cgroup/a b/a"},
		"what is no table":       {"0\n::\n0::a\n", "a b c\n - \n" + v2, "memory= cpu= pids= unified="},
	} {
		if got := process.Places(test.cgroups, test.mounts); got != test.want {
			t.Errorf("%s: got  %s\nwant %s", name, got, test.want)
		}
	}
}

func FuzzPlaces(f *testing.F) {
	f.Add("0::/\n3:cpu,cpuacct:/a:b\n", "1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n1 0 0:1 /x /m\\040n rw shared:1 - cgroup cgroup rw,memory\n")
	f.Add("4:memory:/../..\n", "1 0 0:1 /.. /m rw - cgroup cgroup rw,memory\n")
	f.Fuzz(func(t *testing.T, cgroups, mounts string) {
		for _, dir := range process.PlaceDirs(cgroups, mounts) {
			if below, err := filepath.Rel(dir[0], dir[1]); err != nil || !filepath.IsLocal(below) {
				t.Errorf("%q is not in %q", dir[1], dir[0])
			}
		}
	})
}
