package app

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// Paths is the layout of a data folder.
type Paths struct {
	Data string // absolute
	run  string // folder of the sockets: Data, or a short one when Data is long
}

// socketLimit is what fits into sun_path beside the longest socket name.
const socketLimit = 107 - len("/edge.sock")

// DefaultData returns $DAVIT_DATA, or /var/lib/davit as root, or
// $XDG_STATE_HOME/davit.
func DefaultData() (string, error) {
	if dir := os.Getenv("DAVIT_DATA"); dir != "" {
		return dir, nil
	}
	if os.Geteuid() == 0 {
		return "/var/lib/davit", nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "davit"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a data folder: %w", err)
	}
	return filepath.Join(home, ".local", "state", "davit"), nil
}

// NewPaths returns the layout of the folder data. It makes nothing.
func NewPaths(data string) (Paths, error) {
	abs, err := filepath.Abs(data)
	if err != nil {
		return Paths{}, fmt.Errorf("find the data folder: %w", err)
	}
	p := Paths{Data: abs, run: abs}
	if len(abs) > socketLimit {
		sum := sha256.Sum256([]byte(abs))
		base := os.Getenv("XDG_RUNTIME_DIR")
		if base == "" || len(base) > 60 {
			base = "/tmp"
		}
		p.run = filepath.Join(base, fmt.Sprintf("davit-%d-%s", os.Geteuid(), hex.EncodeToString(sum[:6])))
	}
	return p, nil
}

// Make creates the folders, for their owner alone.
func (p Paths) Make() error {
	for _, dir := range []string{p.Data, p.run, p.Instances()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the data folder: %w", err)
		}
		if err := owned(dir); err != nil {
			return err
		}
	}
	return nil
}

// owned refuses a folder that others can write to, such as one that somebody
// else put under /tmp before us.
func owned(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at the data folder: %w", err)
	}
	if !info.IsDir() || info.Mode().Perm()&0o022 != 0 || !mine(info) {
		return fmt.Errorf("folder %s is not ours alone (mode %s)", dir, info.Mode())
	}
	return nil
}

// API is the socket that steers.
func (p Paths) API() string { return filepath.Join(p.run, "api.sock") }

// EdgeSocket is the socket between control and edge.
func (p Paths) EdgeSocket() string { return filepath.Join(p.run, "edge.sock") }

// Table is the edge's memory of what it routes.
func (p Paths) Table() string { return filepath.Join(p.Data, "table.json") }

// Secure is the edge's memory of what it shows in TLS.
func (p Paths) Secure() string { return filepath.Join(p.Data, "secure.json") }

// Certificates is the folder of the own CA, the account of another one, and what
// they have signed.
func (p Paths) Certificates() string { return filepath.Join(p.Data, "certificates") }

// EdgeKey is what the edge signs sessions with.
func (p Paths) EdgeKey() string { return filepath.Join(p.Data, "edge.key") }

// EdgeLog is where the edge writes.
func (p Paths) EdgeLog() string { return filepath.Join(p.Data, "edge.log") }

// Lock is the file whose lock says that control runs.
func (p Paths) Lock() string { return filepath.Join(p.Data, "lock") }

// Password is the file with the registry's password.
func (p Paths) Password() string { return filepath.Join(p.Data, "registry.password") }

// Registry is the folder of the images.
func (p Paths) Registry() string { return filepath.Join(p.Data, "registry") }

// Instances is the folder of what runs.
func (p Paths) Instances() string { return filepath.Join(p.Data, "instances") }

// Volumes is the folder of what instances keep from version to version: a folder
// for each app, and in it one for each volume.
func (p Paths) Volumes() string { return filepath.Join(p.Data, "volumes") }
