// Package examples carries the source of the service of davit's tour inside the
// binary, so that the tour works from any folder and without a network. It
// imports nothing of davit.
package examples

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed orders/*.go orders/acceptance orders/davit.yaml orders/Dockerfile orders/.dockerignore
var source embed.FS

// goMod makes the written folder a module. It is not a file of the embedded
// folder because a folder that has a go.mod is another module, which cannot be
// embedded by this one.
const goMod = `module example.com/orders

go 1.24
`

// WriteOrders writes the orders service into dir, as a Go module that depends on
// the standard library alone. Folders that are missing are made; a file that is
// there already is an error and is left as it was.
func WriteOrders(dir string) error {
	orders, err := fs.Sub(source, "orders")
	if err != nil {
		return fmt.Errorf("open embedded orders: %w", err)
	}
	if err := os.CopyFS(dir, orders); err != nil {
		return fmt.Errorf("write orders: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "go.mod"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("write orders: %w", err)
	}
	_, err = file.WriteString(goMod)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write orders: %w", err)
	}
	return nil
}
