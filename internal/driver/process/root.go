package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// enterRoot assembles a root from the image's folders, read-only, and what every
// program may expect, and moves into it. It runs in a mount namespace of its own.
// The root is a small tmpfs of mount points, so the image needs none, and nothing
// is changed in it.
func (s *setup) enterRoot() error {
	if !alone() {
		return errNotAlone
	}
	if err := s.assembleRoot(); err != nil {
		return fmt.Errorf("assemble the instance's root: %w", err)
	}
	if err := pivot(s.Root); err != nil {
		return fmt.Errorf("enter the instance's root: %w", err)
	}
	if s.WorkDir == "" {
		return nil
	}
	if err := os.Chdir(s.WorkDir); err != nil {
		return fmt.Errorf("enter the image's working folder: %w", err)
	}
	return nil
}

func (s *setup) assembleRoot() error {
	const quiet = unix.MS_NOSUID | unix.MS_NODEV
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", s.Root, "tmpfs", quiet, "mode=0755,size=4m"); err != nil {
		return fmt.Errorf("mount it: %w", err)
	}
	own := map[string]bool{"proc": true, "dev": true, "tmp": true, "etc": true}
	if err := s.bindEntries(".", own); err != nil {
		return err
	}
	for _, assemble := range []func() error{s.assembleEtc, s.mountSystem, s.showDevices, s.showVolumes} {
		if err := assemble(); err != nil {
			return err
		}
	}
	if err := unix.Mount("", s.Root, "", unix.MS_REMOUNT|unix.MS_RDONLY|quiet, "mode=0755"); err != nil {
		return fmt.Errorf("make it read-only: %w", err)
	}
	return nil
}

// pivot makes dir the root and forgets the old one (pivot_root(2), notes on
// pivot_root(".", ".")).
func pivot(dir string) error {
	if err := os.Chdir(dir); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old one: %w", err)
	}
	return os.Chdir("/")
}

// bindEntries shows what the image has in a folder, but for the names in except.
func (s *setup) bindEntries(dir string, except map[string]bool) error {
	entries, err := os.ReadDir(filepath.Join(s.Image, dir))
	if err != nil {
		return fmt.Errorf("read the image: %w", err)
	}
	for _, entry := range entries {
		name := filepath.Join(dir, entry.Name())
		if except[entry.Name()] || s.isVolume(name) {
			continue
		}
		if err := s.bindEntry(name, entry.Type()); err != nil {
			return err
		}
	}
	return nil
}

// bindEntry shows one entry. A link is made again, so that it is followed in the
// instance's root and not in the host's. A folder that leads to a volume is made
// anew with the same entries, since there may be no place for the volume in it.
func (s *setup) bindEntry(name string, mode os.FileMode) error {
	from, to := filepath.Join(s.Image, name), filepath.Join(s.Root, name)
	switch {
	case mode&os.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case mode.IsDir() && s.holdsVolume(name):
		if err := mountPoint(to, true); err != nil {
			return err
		}
		return s.bindEntries(name, nil)
	case mode.IsDir() || mode.IsRegular():
		return bindReadOnly(from, to, mode.IsDir(), unix.MS_NOSUID|unix.MS_NODEV)
	default:
		return nil // images hold no devices and no sockets
	}
}

// bindReadOnly shows a file or folder at another place, for reading, with more
// flags of mount(2).
func bindReadOnly(from, to string, folder bool, flags uintptr) error {
	if err := mountPoint(to, folder); err != nil {
		return err
	}
	if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("show %s: %w", from, err)
	}
	if err := restrict(to, unix.MS_RDONLY|flags); err != nil {
		return fmt.Errorf("make %s read-only: %w", from, err)
	}
	return nil
}

// restrict adds flags of mount(2) to what is shown at a place. Those that it has
// already are kept: in a user namespace none may be taken away
// (mount_namespaces(7)).
func restrict(at string, flags uintptr) error {
	var now unix.Statfs_t
	if err := unix.Statfs(at, &now); err != nil {
		return err
	}
	kept := uintptr(now.Flags) & (unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC) // the same bits in both calls
	return unix.Mount("", at, "", unix.MS_BIND|unix.MS_REMOUNT|flags|kept, "")
}

func mountPoint(path string, folder bool) error {
	if folder {
		return os.MkdirAll(path, 0o755)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600) // hidden by what is shown there
	if err != nil {
		return err
	}
	return f.Close()
}

// assembleEtc shows the image's /etc with the host's names and addresses in it.
func (s *setup) assembleEtc() error {
	if err := mountPoint(filepath.Join(s.Root, "etc"), true); err != nil {
		return err
	}
	host := map[string]bool{"resolv.conf": true, "hosts": true}
	// What is no folder is left out. A link would lead to the host's.
	if info, err := os.Lstat(filepath.Join(s.Image, "etc")); err == nil && info.IsDir() {
		if err := s.bindEntries("etc", host); err != nil {
			return err
		}
	}
	for name := range host {
		from, err := filepath.EvalSymlinks(filepath.Join("/etc", name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("find the host's %s: %w", name, err)
		}
		if err := bindReadOnly(from, filepath.Join(s.Root, "etc", name), false, unix.MS_NOSUID|unix.MS_NODEV); err != nil {
			return err
		}
	}
	return nil
}

// mountSystem adds /tmp and /proc.
func (s *setup) mountSystem() error {
	const quiet = unix.MS_NOSUID | unix.MS_NODEV
	tmp, proc := filepath.Join(s.Root, "tmp"), filepath.Join(s.Root, "proc")
	if err := errors.Join(mountPoint(tmp, true), mountPoint(proc, true)); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", tmp, "tmpfs", quiet, "mode=1777"); err != nil {
		return fmt.Errorf("mount /tmp: %w", err)
	}
	// Read-only, because root without capabilities may write some of /proc/sys.
	// In containers /proc may not be mounted anew; Go programs do without.
	_ = unix.Mount("proc", proc, "proc", quiet|unix.MS_NOEXEC|unix.MS_RDONLY, "")
	return nil
}

// showDevices adds the devices that hold nothing, and the names of the streams.
// The devices are read-only so that their permissions cannot be changed; writing
// to them is not writing to the file system.
func (s *setup) showDevices() error {
	dev := filepath.Join(s.Root, "dev")
	if err := mountPoint(dev, true); err != nil {
		return err
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom"} {
		if err := bindReadOnly(filepath.Join("/dev", name), filepath.Join(dev, name), false, unix.MS_NOSUID); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"} {
		if err := os.Symlink("/proc/self/fd"+target, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	return nil
}
