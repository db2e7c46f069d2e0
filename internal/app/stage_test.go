package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"
)

// TestStagingOutlivesTheEdge: what is told to an edge that is being started is
// told again, anything else is an answer.
func TestStagingOutlivesTheEdge(t *testing.T) {
	other := errors.New("the table is stale")
	for name, c := range map[string]struct {
		answers []error
		want    error
		told    int
	}{
		"there":      {[]error{nil}, nil, 1},
		"restarting": {[]error{fmt.Errorf("dial: %w", syscall.ECONNREFUSED), io.EOF, nil}, nil, 3},
		"refusing":   {[]error{other}, other, 1},
	} {
		told := 0
		err := despiteRestart(t.Context(), func() error { told++; return c.answers[told-1] })
		if !errors.Is(err, c.want) || told != c.told {
			t.Errorf("%s: told %d times, %v", name, told, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := despiteRestart(ended, func() error { return syscall.ECONNREFUSED }); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the end: %v", err)
	}
}
