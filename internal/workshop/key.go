package workshop

import (
	"path/filepath"

	"github.com/davit-dev/davit/internal/build/attest"
)

// GenerateKey makes a key in a folder and returns the names of its two files. It
// replaces none.
func GenerateKey(dir string) (private, public string, err error) {
	if _, err := attest.GenerateKey(dir); err != nil {
		return "", "", err
	}
	return filepath.Join(dir, "davit.key"), filepath.Join(dir, "davit.pub"), nil
}
