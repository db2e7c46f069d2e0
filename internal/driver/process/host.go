package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// settleOnHost prepares what a program needs that runs on the host's root: its
// own folder for temporary files, and where davit's base would be.
func (s *setup) settleOnHost() error {
	if err := os.Chdir(s.Tmp); err != nil {
		return fmt.Errorf("enter the instance's folder: %w", err)
	}
	for name, path := range map[string]string{
		"TMPDIR":        s.Tmp,
		"SSL_CERT_FILE": filepath.Join(s.Image, "etc/ssl/certs/ca-certificates.crt"),
		"ZONEINFO":      filepath.Join(s.Image, "usr/share/zoneinfo"),
	} {
		set := slices.ContainsFunc(s.Env, func(pair string) bool { return strings.HasPrefix(pair, name+"=") })
		if _, err := os.Stat(path); err == nil && !set {
			s.Env = append(s.Env, name+"="+path)
		}
	}
	return nil
}

// findOnHost returns where a program of the image is on the host. An image must
// not lead out of itself, to a program of the host.
func (s *setup) findOnHost(name string) (string, error) {
	root, err := os.OpenRoot(s.Image)
	if err != nil {
		return "", fmt.Errorf("run %s: %w", name, err)
	}
	defer func() { _ = root.Close() }() // it was only read
	inside := strings.TrimPrefix(filepath.Clean("/"+name), "/")
	info, err := root.Stat(inside)
	if err != nil {
		return "", fmt.Errorf("run %s: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("run %s: %w", name, errors.New("it is not a file"))
	}
	return filepath.Join(s.Image, inside), nil
}
