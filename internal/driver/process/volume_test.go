package process_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/driver/drivertest"
	"github.com/davit-dev/davit/internal/driver/process"
)

// keeping is a data folder in which instances keep something, the level that this
// needs, and the driver over both.
func keeping(t *testing.T) (data, process.Config, *process.Driver) {
	t.Helper()
	need(t, process.Namespaces)
	d := newData(t)
	cfg := process.Config{
		Dir: filepath.Join(d.dir, "instances"), Volumes: filepath.Join(d.dir, "volumes"), Hidden: []string{d.dir}, Level: process.Namespaces,
	}
	return d, cfg, open(t, cfg)
}

// keeps is a spec with volumes: name and path in turn.
func keeps(image driver.Image, id string, volumes ...string) driver.Spec {
	spec := specOf(image)
	spec.ID, spec.Run.Volumes = id, map[string]string{}
	for i := 0; i < len(volumes); i += 2 {
		spec.Run.Volumes[volumes[i]] = volumes[i+1]
	}
	return spec
}

func impossible(t *testing.T, i driver.Instance, tries ...[2]string) {
	t.Helper()
	for _, try := range tries {
		if got := drivertest.Try(t, i, try[0], try[1]); got == drivertest.Done {
			t.Errorf("it can %s %s", try[0][1:], try[1])
		}
	}
}

func volumesAreKept(t *testing.T, image driver.Image) {
	folder, _, d := keeping(t)
	first := start(t, d, keeps(image, "app-1", "data", "/var/lib/app"))
	possible(t, first, [2]string{"/write", "/var/lib/app/kept"})
	impossible(t, first, [2]string{"/write", "/var/lib/new"}, [2]string{"/write", "/var/new"}, [2]string{"/list", folder.dir})
	// Another version has it at once, wherever it wants it.
	next := start(t, d, keeps(image, "app-2", "data", "/data"))
	possible(t, next, [2]string{"/read", "/data/kept"}, [2]string{"/write", "/data/next"})
	possible(t, first, [2]string{"/read", "/var/lib/app/next"})
	stop(t, d, "app-1")
	stop(t, d, "app-2")
	again := start(t, d, keeps(image, "app-3", "data", "/var/lib/app", "more", "/more"))
	possible(t, again, [2]string{"/read", "/var/lib/app/kept"}, [2]string{"/read", "/var/lib/app/next"}, [2]string{"/write", "/more/x"})
	impossible(t, again, [2]string{"/read", "/more/kept"})
	info, err := os.Stat(filepath.Join(folder.dir, "volumes", "app", "data"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("on the host it is %v, %v", info, err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; os.Geteuid() == 0 && owner != 65532 {
		t.Errorf("on the host it belongs to %d", owner)
	}
}

func volumesAreApart(t *testing.T, image driver.Image) {
	folder, _, d := keeping(t)
	possible(t, start(t, d, keeps(image, "app-1", "data", "/data")), [2]string{"/write", "/data/kept"})
	other := keeps(image, "other-1", "data", "/data")
	other.App = "other"
	o := start(t, d, other)
	possible(t, o, [2]string{"/list", "/data"})
	impossible(t, o, [2]string{"/read", "/data/kept"}, [2]string{"/read", filepath.Join(folder.dir, "volumes", "app", "data", "kept")},
		[2]string{"/list", filepath.Join(folder.dir, "volumes")}, [2]string{"/read", "/data/../volumes/app/data/kept"})
	impossible(t, start(t, d, keeps(image, "app-2")), [2]string{"/list", "/data"}) // it does not ask for it
}

func volumesOfStaging(t *testing.T, image driver.Image) {
	folder, _, d := keeping(t)
	possible(t, start(t, d, keeps(image, "app-1", "data", "/data")), [2]string{"/write", "/data/kept"})
	staging := keeps(image, "app-2-staging", "data", "/data")
	staging.Fleeting = true
	for range 2 { // the second time it is empty again
		i := start(t, d, staging)
		impossible(t, i, [2]string{"/read", "/data/kept"}, [2]string{"/read", "/data/own"})
		possible(t, i, [2]string{"/write", "/data/own"}, [2]string{"/close", "/data/closed/own"})
		stop(t, d, "app-2-staging")
		if _, err := os.Stat(filepath.Join(folder.dir, "instances", "app-2-staging")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it is still there: %v", err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(folder.dir, "volumes", "app", "data")); err != nil || len(entries) != 1 {
		t.Errorf("production has %v, %v", entries, err)
	}
}

// volumesAnywhere: over what the image has, beside it, and where it has nothing.
func volumesAnywhere(t *testing.T, image driver.Image) {
	_, _, d := keeping(t)
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(image.Root)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"srv/data/image": "x", "srv/beside/image": "x", "etc/app.conf": "x"} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	image.Root = root
	i := start(t, d, keeps(image, "app-1", "over", "/srv/data", "beside", "/app/data", "below", "/etc/app", "deep", "/a/b/c"))
	possible(t, i, [2]string{"/write", "/srv/data/x"}, [2]string{"/write", "/app/data/x"}, [2]string{"/write", "/etc/app/x"},
		[2]string{"/write", "/a/b/c/x"}, [2]string{"/read", "/srv/beside/image"}, [2]string{"/read", "/etc/app.conf"},
		[2]string{"/read", "/etc/hosts"}, [2]string{"/read", "/app/service"})
	impossible(t, i, [2]string{"/read", "/srv/data/image"}, [2]string{"/write", "/srv/new"}, [2]string{"/write", "/srv/beside/new"},
		[2]string{"/write", "/app/new"}, [2]string{"/write", "/app/service"}, [2]string{"/write", "/etc/new"}, [2]string{"/write", "/a/new"},
		[2]string{"/write", "/new"})
	if got, err := os.ReadFile(filepath.Join(root, "srv", "data", "image")); err != nil || string(got) != "x" {
		t.Errorf("the image was changed: %q, %v", got, err)
	}
}

func volumesRefused(t *testing.T, image driver.Image) {
	folder, cfg, d := keeping(t)
	root := t.TempDir()
	if err := errors.Join(os.CopyFS(root, os.DirFS(image.Root)), os.Symlink(folder.dir, filepath.Join(root, "link")),
		os.WriteFile(filepath.Join(root, "file"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	plain := image
	image.Root = root
	refused := func(d *process.Driver, spec driver.Spec, want string) {
		t.Helper()
		t.Cleanup(func() { stop(t, d, spec.ID) })
		_, err := d.Start(t.Context(), spec)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	refused(d, keeps(image, "app-1", "data", "/link"), "run.volumes.data: /link is not a folder in the image")
	refused(d, keeps(image, "app-1", "data", "/link/x"), "run.volumes.data: /link is not a folder in the image")
	refused(d, keeps(image, "app-1", "data", "/file/x"), "run.volumes.data: /file is not a folder in the image")
	refused(d, keeps(image, "app-1", "data", "/app"), "run.volumes.data: /app would hide the program /app/service")
	refused(d, keeps(image, "app-1", "data", "/tmp"), "run: volumes.data: /tmp is made anew")
	cfg.Level = process.Landlock
	refused(open(t, cfg), keeps(plain, "app-1", "data", "/data"), "only landlock (allow user namespaces here)")
	cfg.Level, cfg.Volumes = process.Namespaces, ""
	refused(open(t, cfg), keeps(image, "app-1", "data", "/data"), "there is no folder for volumes here")
	if os.Geteuid() != 0 {
		return // all users of images are one on the host
	}
	possible(t, start(t, d, keeps(image, "app-1", "data", "/data", "empty", "/empty")), [2]string{"/write", "/data/kept"})
	stop(t, d, "app-1")
	image.User = "1000:1001"
	refused(d, keeps(image, "app-2", "data", "/data"), "belongs to user 65532, and this version runs as user 1000; keep build.user, or run chown -R 1000:1001")
	possible(t, start(t, d, keeps(image, "app-2", "empty", "/empty")), [2]string{"/write", "/empty/x"})
}

// volumesMasked starts an instance from a process that lets nobody see what it
// makes.
func volumesMasked(t *testing.T, image driver.Image) {
	need(t, process.Namespaces)
	dir := filepath.Join(shortDir(t), "instances")
	startControl(t, dir, image, "masked")
	d := open(t, process.Config{Dir: dir})
	t.Cleanup(func() { stop(t, d, "app-1") })
	possible(t, last(t, d), [2]string{"/write", "/app/data/x"}, [2]string{"/read", "/etc/hosts"}, [2]string{"/write", "/dev/null"})
}
