package driver

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// maxVolumes is how many volumes an instance may have.
const maxVolumes = 20

// maxVolumePath is the most bytes of a path in an instance's root.
const maxVolumePath = 1024

// volumeName is a DNS label, because it becomes the name of a folder.
var volumeName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// madeAnew are the parts of a root that each instance gets anew, and with which
// nothing can be shared.
var madeAnew = []string{"/proc", "/sys", "/dev", "/tmp", "/etc/hosts", "/etc/resolv.conf"}

func (c Config) validateVolumes() error {
	if len(c.Volumes) > maxVolumes {
		return fmt.Errorf("volumes: at most %d are allowed", maxVolumes)
	}
	var errs []error
	names := slices.Sorted(maps.Keys(c.Volumes))
	for i, name := range names {
		if err := validateVolume(name, c.Volumes[name]); err != nil {
			errs = append(errs, fmt.Errorf("volumes.%s: %w", name, err))
			continue
		}
		for _, other := range names[:i] {
			if a, b := c.Volumes[name], c.Volumes[other]; below(a, b) || below(b, a) {
				errs = append(errs, fmt.Errorf("volumes.%s: %s and %s, of %s, are not apart from each other", name, a, b, other))
			}
		}
	}
	return errors.Join(errs...)
}

func validateVolume(name, at string) error {
	switch {
	case !volumeName.MatchString(name):
		return fmt.Errorf("the name %q is not made of a-z, 0-9 and - alone, 63 at most, no - at its ends", name)
	case !path.IsAbs(at) || path.Clean(at) != at || strings.ContainsRune(at, 0) || len(at) > maxVolumePath:
		return fmt.Errorf("%q is not an absolute path without . and .. such as /var/lib/%s", at, name)
	case at == "/" || at == "/etc":
		return fmt.Errorf("%s holds more than a volume; name a folder in it, such as /var/lib/%s", at, name)
	}
	for _, anew := range madeAnew {
		if below(at, anew) {
			return fmt.Errorf("%s is made anew for each instance; use another folder, such as /var/lib/%s", anew, name)
		}
	}
	return nil
}

// below says whether a path is a folder or lies in it.
func below(at, folder string) bool { return at == folder || strings.HasPrefix(at, folder+"/") }
