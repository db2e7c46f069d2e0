package process_test

import (
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/davit-dev/davit/internal/driver/process"
)

// transcript is text that is read while it is written.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func newTranscript() *transcript { return &transcript{} }

func (w *transcript) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *transcript) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func (w *transcript) logger() *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// withTether is as open has it.
func withTether(cfg process.Config) process.Config {
	cfg.Tether = true
	return cfg
}
