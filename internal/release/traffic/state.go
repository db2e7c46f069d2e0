package traffic

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// stateFormat is the version of the file's format that this program writes.
const stateFormat = 1

// errNewer says that a newer program wrote the file.
var errNewer = errors.New("written by a newer davit")

// state is what the edge keeps on disk, so that it can be started without control.
type state struct {
	Format int     `json:"format"`
	Table  Table   `json:"table"`
	Lapsed []lapse `json:"lapsed,omitempty"`
}

// lapse is a lease that ran out: control has to know when it comes back, also
// when the edge was started again meanwhile.
type lapse struct {
	App      string   `json:"app"`
	Listener Listener `json:"listener"`
	Route    uint64   `json:"route"`
}

func (s state) encode() ([]byte, error) {
	s.Format = stateFormat
	if err := s.Table.Validate(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode edge state: %w", err)
	}
	return data, nil
}

func decodeState(data []byte) (state, error) {
	if len(data) > 2*maxTableBytes {
		return state{}, fmt.Errorf("edge state is over %d bytes", 2*maxTableBytes)
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return state{}, fmt.Errorf("decode edge state: %w", err)
	}
	if head.Format > stateFormat {
		return state{}, fmt.Errorf("edge state of format %d, this program knows %d: %w", head.Format, stateFormat, errNewer)
	}
	if head.Format != stateFormat {
		return state{}, fmt.Errorf("edge state has format %d, expected %d", head.Format, stateFormat)
	}
	var s state
	if err := decodeStrictly(data, &s); err != nil {
		return state{}, fmt.Errorf("decode edge state: %w", err)
	}
	return s, s.Table.Validate()
}

// readState returns the state kept at path; the zero state when there is none.
func readState(path string) (state, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, nil
	}
	if err != nil {
		return state{}, fmt.Errorf("read edge state: %w", err)
	}
	s, err := decodeState(data)
	if err != nil {
		return state{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func (s state) write(path string) error {
	data, err := s.encode()
	if err != nil {
		return err
	}
	return atomicfile.Write(path, data, 0o600)
}
