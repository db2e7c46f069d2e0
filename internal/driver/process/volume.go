package process

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/davit-dev/davit/internal/driver"
)

// volumesName is the folder, in an instance's own, of volumes that go with it.
const volumesName = "volumes"

// volume is a folder of the host that an instance has in its root, to write to.
type volume struct {
	From string `json:"from"` // on the host
	At   string `json:"at"`   // in the instance's root
}

// volumes makes the folders that an instance keeps, or finds them.
func (d *Driver) volumes(spec driver.Spec, level Level) ([]volume, error) {
	if len(spec.Run.Volumes) == 0 {
		return nil, nil
	}
	if level != Namespaces {
		return nil, &StartError{
			ID: spec.ID, Hint: "allow user namespaces here",
			Reason: fmt.Sprintf("run.volumes needs a root of its own, and namespaces cannot be had here, only %s", level),
		}
	}
	folder := filepath.Join(d.cfg.Volumes, spec.App)
	switch {
	case spec.Fleeting:
		folder = filepath.Join(d.dir(spec.ID), volumesName)
	case d.cfg.Volumes == "":
		return nil, &StartError{ID: spec.ID, Reason: "run.volumes: there is no folder for volumes here"}
	}
	var all []volume
	for _, name := range slices.Sorted(maps.Keys(spec.Run.Volumes)) {
		v := volume{From: filepath.Join(folder, name), At: spec.Run.Volumes[name]}
		err := v.fits(spec.Image)
		if err == nil {
			err = v.make(spec.Image)
		}
		if err != nil {
			return nil, &StartError{ID: spec.ID, Reason: fmt.Sprintf("run.volumes.%s: %v", name, err)}
		}
		all = append(all, v)
	}
	return all, nil
}

// fits refuses a volume that would hide the program, or that has a link or a
// file of the image in its way: what would be shown where is not to be guessed.
func (v volume) fits(image driver.Image) error {
	if argv := append(slices.Clone(image.Entrypoint), image.Cmd...); len(argv) > 0 && within(v.At, argv[0]) {
		return fmt.Errorf("%s would hide the program %s", v.At, argv[0])
	}
	for at := v.At; at != "/"; at = filepath.Dir(at) {
		info, err := os.Lstat(filepath.Join(image.Root, at))
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR):
		case err != nil:
			return fmt.Errorf("look into the image: %w", err)
		case !info.IsDir():
			return fmt.Errorf("%s is not a folder in the image; use a path that leads through folders only", at)
		}
	}
	return nil
}

// make makes the folder for the image's user alone. One that has something in it
// keeps its owner: who else could read it is for people to say.
func (v volume) make(image driver.Image) error {
	uid, gid, err := lookUpUser(image.Root, image.User)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(v.From), 0o700); err != nil {
		return fmt.Errorf("make the volume: %w", err)
	}
	err = os.Mkdir(v.From, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the volume: %w", err)
	}
	if os.Geteuid() != 0 {
		return nil // whoever the image's user is, it is us on the host
	}
	var now unix.Stat_t
	if err := unix.Lstat(v.From, &now); err != nil {
		return fmt.Errorf("look at the volume: %w", err)
	}
	if int(now.Uid) == uid && int(now.Gid) == gid {
		return nil
	}
	entries, err := os.ReadDir(v.From)
	if err != nil {
		return fmt.Errorf("look at the volume: %w", err)
	}
	if len(entries) > 0 && int(now.Uid) != uid {
		return fmt.Errorf("what it holds belongs to user %d, and this version runs as user %d; "+
			"keep build.user, or run chown -R %d:%d %s", now.Uid, uid, uid, gid, v.From)
	}
	if err := os.Chown(v.From, uid, gid); err != nil {
		return fmt.Errorf("give the volume to user %d: %w", uid, err)
	}
	return nil
}
