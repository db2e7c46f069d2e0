package process_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/driver/drivertest"
	"github.com/davit-dev/davit/internal/driver/process"
)

// secretsStayInMemory looks through all that an instance leaves on the disk, and
// wants the program to have its secrets again when it was started again.
func secretsStayInMemory(t *testing.T, image driver.Image) {
	dir := filepath.Join(t.TempDir(), "instances")
	d := open(t, process.Config{Dir: dir, Level: process.Landlock, AcceptUnsandboxed: true})
	spec := specOf(image)
	spec.Secrets = map[string]string{"NAME": "hunter22-hunter22"}
	i := start(t, d, spec)
	if err := syscall.Kill(i.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	drivertest.Until(t, "the program is there again", func() bool {
		list, err := d.List(t.Context())
		return err == nil && len(list) == 1 && list[0].Restarts == 1 && list[0].State == driver.Ready
	})
	if self := drivertest.SelfOf(t, i); !slices.Contains(self.Env, "NAME=hunter22-hunter22") {
		t.Errorf("after a restart the environment is %q", self.Env)
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte("hunter22")) {
			t.Errorf("%s holds the secret: %q", path, data)
		}
		return err
	})
	if err != nil || files < 3 {
		t.Errorf("looked into %d files, %v", files, err)
	}
}
