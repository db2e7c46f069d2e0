package process

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// isVolume says whether a volume is shown in the place of an entry of the image.
func (s *setup) isVolume(name string) bool {
	return slices.ContainsFunc(s.Volumes, func(v volume) bool { return v.At == "/"+name })
}

// holdsVolume says whether a folder of the image leads to a volume.
func (s *setup) holdsVolume(name string) bool {
	return slices.ContainsFunc(s.Volumes, func(v volume) bool { return strings.HasPrefix(v.At, "/"+name+"/") })
}

// showVolumes shows what the instance keeps. Their places are made through the
// root, from which no link leads out to the host.
func (s *setup) showVolumes() error {
	if len(s.Volumes) == 0 {
		return nil
	}
	root, err := os.OpenRoot(s.Root)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // its folders are made
	for _, v := range s.Volumes {
		if err := root.MkdirAll(strings.TrimPrefix(v.At, "/"), 0o755); err != nil {
			return fmt.Errorf("make a place for the volume %s: %w", v.At, err)
		}
		to := filepath.Join(s.Root, v.At)
		if err := unix.Mount(v.From, to, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("show the volume %s: %w", v.At, err)
		}
		if err := restrict(to, unix.MS_NOSUID|unix.MS_NODEV); err != nil {
			return fmt.Errorf("show the volume %s: %w", v.At, err)
		}
	}
	return nil
}
