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
// The root is a small tmpfs of mount points, so the image needs none.
func (s setup) enterRoot() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", s.Root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=4m"); err != nil {
		return fmt.Errorf("mount the root: %w", err)
	}
	own := map[string]bool{"proc": true, "dev": true, "tmp": true, "etc": true}
	if err := s.bindEntries("", own); err != nil {
		return err
	}
	if err := s.assembleEtc(); err != nil {
		return err
	}
	if err := s.mountSystem(); err != nil {
		return err
	}
	if err := unix.Mount("", s.Root, "", unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("make the root read-only: %w", err)
	}
	return pivot(s.Root)
}

// pivot makes dir the root and forgets the old one (pivot_root(2), notes on
// pivot_root(".", ".")).
func pivot(dir string) error {
	if err := os.Chdir(dir); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	return os.Chdir("/")
}

// bindEntries binds what the image has in a folder, but for the names in except.
func (s setup) bindEntries(dir string, except map[string]bool) error {
	entries, err := os.ReadDir(filepath.Join(s.Image, dir))
	if err != nil {
		return fmt.Errorf("read the image: %w", err)
	}
	for _, entry := range entries {
		if except[entry.Name()] {
			continue
		}
		name := filepath.Join(dir, entry.Name())
		if err := s.bindEntry(name, entry.Type()); err != nil {
			return err
		}
	}
	return nil
}

func (s setup) bindEntry(name string, mode os.FileMode) error {
	from, to := filepath.Join(s.Image, name), filepath.Join(s.Root, name)
	if mode&os.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	}
	return bindReadOnly(from, to, mode.IsDir())
}

// bindReadOnly shows a file or folder at another place, for reading.
func bindReadOnly(from, to string, folder bool) error {
	if err := mountPoint(to, folder); err != nil {
		return err
	}
	if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("show %s: %w", to, err)
	}
	const flags = unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV
	if err := unix.Mount("", to, "", flags, ""); err != nil {
		return fmt.Errorf("make %s read-only: %w", to, err)
	}
	return nil
}

func mountPoint(path string, folder bool) error {
	if folder {
		return os.MkdirAll(path, 0o755)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// assembleEtc shows the image's /etc with the host's names and addresses in it.
func (s setup) assembleEtc() error {
	if err := os.MkdirAll(filepath.Join(s.Root, "etc"), 0o755); err != nil {
		return err
	}
	host := map[string]bool{"resolv.conf": true, "hosts": true}
	err := s.bindEntries("etc", host)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for name := range host {
		from := filepath.Join("/etc", name)
		if real, err := filepath.EvalSymlinks(from); err == nil {
			if err := bindReadOnly(real, filepath.Join(s.Root, "etc", name), false); err != nil {
				return err
			}
		}
	}
	return nil
}

// mountSystem adds /tmp, /proc and the devices that hold nothing.
func (s setup) mountSystem() error {
	tmp, proc := filepath.Join(s.Root, "tmp"), filepath.Join(s.Root, "proc")
	for _, dir := range []string{tmp, proc, filepath.Join(s.Root, "dev")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount("tmpfs", tmp, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"); err != nil {
		return fmt.Errorf("mount /tmp: %w", err)
	}
	// Inside of containers /proc may not be mounted anew; Go programs do without.
	_ = unix.Mount("proc", proc, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	for _, name := range []string{"null", "zero", "full", "random", "urandom"} {
		to := filepath.Join(s.Root, "dev", name)
		if err := mountPoint(to, false); err != nil {
			return err
		}
		if err := unix.Mount(filepath.Join("/dev", name), to, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("show /dev/%s: %w", name, err)
		}
	}
	return nil
}
