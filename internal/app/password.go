package app

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// password returns the registry's password, making one on the first call.
func password(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the registry's password: %w", err)
	}
	fresh := rand.Text()
	if err := atomicfile.Write(path, []byte(fresh+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the registry's password: %w", err)
	}
	return fresh, nil
}
