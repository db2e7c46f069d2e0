package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// fdSecrets is where a shim finds its program's secrets.
const fdSecrets = 3

// handOver puts secrets where a shim takes them from: a file that is nowhere but
// in memory (memfd_create(2)), and sealed, since pages of it are shared. Without
// secrets there is none. The caller closes it.
func handOver(secrets map[string]string) (_ []*os.File, err error) {
	if len(secrets) == 0 {
		return nil, nil
	}
	fd, err := unix.MemfdCreate("davit", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("hand over secrets: %w", err)
	}
	f := os.NewFile(uintptr(fd), "secrets")
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	data, err := json.Marshal(secrets)
	if err != nil {
		return nil, errors.New("hand over secrets: they cannot be encoded") // the error could quote one
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		return nil, fmt.Errorf("hand over secrets: %w", err)
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL); err != nil {
		return nil, fmt.Errorf("hand over secrets: %w", err)
	}
	return []*os.File{f}, nil
}

// takeOver reads what handOver wrote, in the shim.
func takeOver() (map[string]string, error) {
	unix.CloseOnExec(fdSecrets)
	f := os.NewFile(fdSecrets, "secrets")
	defer f.Close()
	var secrets map[string]string
	if err := json.NewDecoder(f).Decode(&secrets); err != nil {
		return nil, errors.New("take over secrets: they cannot be read") // the error could quote one
	}
	return secrets, nil
}
