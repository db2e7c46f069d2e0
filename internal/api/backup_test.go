package api_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/release"
)

// Backup writes a whole archive without keys, and breaks off with them.
func (s *server) Backup(_ context.Context, w io.Writer, keys bool, actor string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.archiving {
		return &release.RefusalError{Code: release.CodeUnderWay, Message: "another backup is under way"}
	}
	s.actor = actor
	if _, err := io.WriteString(w, strings.Repeat("archive ", 10_000)); err != nil || !keys {
		return err
	}
	return errors.New("the disk is gone")
}

func TestABackupThatBreaksOffIsNotTakenForAWhole(t *testing.T) {
	s, client, _ := serve(t)
	for keys, whole := range map[bool]bool{false: true, true: false} {
		stream, err := client.Backup(t.Context(), keys)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(stream)
		if (err == nil) != whole || (whole && len(data) != 80_000) {
			t.Errorf("%d bytes, %v", len(data), err)
		}
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
	}
	if s.actor == "" {
		t.Error("nobody knows who asked")
	}
	s.archiving = true
	if _, err := client.Backup(t.Context(), false); err == nil || err.Error() != "another backup is under way" {
		t.Errorf("error %v", err)
	}
}
