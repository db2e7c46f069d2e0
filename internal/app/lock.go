package app

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrServing says that another control process has the data folder.
var ErrServing = errors.New("another davit serves from this data folder")

// lock takes the data folder for this process, until the file is closed or the
// process ends in whatever way.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		f.Close()
		return nil, ErrServing
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}
