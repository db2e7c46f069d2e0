package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/release"
)

// eventPause is the least time between two events, so that a busy canary does
// not flood its watchers.
const eventPause = 100 * time.Millisecond

// events sends the release's summary now and after each change, until it has
// ended (Server-Sent Events, WHATWG HTML section 9.2).
func (h *Handler) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	id, last := r.PathValue("id"), ""
	for {
		changed := h.Watcher.Changed()
		summary, err := h.find(r.Context(), id)
		if err != nil {
			h.answer(w, 0, nil, err)
			return
		}
		data, err := json.Marshal(summary)
		if err != nil {
			h.answer(w, 0, nil, fmt.Errorf("encode %s: %w", id, err))
			return
		}
		if string(data) != last {
			fmt.Fprintf(flushing{w}, "data: %s\n\n", data)
			last = string(data)
		}
		if summary.Phase == release.PhaseEnded || !pause(r.Context(), changed) {
			return
		}
	}
}

// pause waits for a change, and a little longer. It returns false when the
// client is gone.
func pause(ctx context.Context, changed <-chan struct{}) bool {
	select {
	case <-changed:
	case <-ctx.Done():
		return false
	}
	select {
	case <-time.After(eventPause):
		return true
	case <-ctx.Done():
		return false
	}
}

func (h *Handler) find(ctx context.Context, id string) (release.Summary, error) {
	status, err := h.Watcher.Status(ctx)
	if err != nil {
		return release.Summary{}, err
	}
	for _, app := range status.Apps {
		if s, ok := app.Find(id); ok {
			return s, nil
		}
	}
	return release.Summary{}, &release.RefusalError{Code: release.CodeUnknown, Message: fmt.Sprintf("no release %q", id)}
}

// readEvents calls fn with every event of a stream.
func readEvents(resp *http.Response, fn func(release.Summary) error) error {
	scanner := bufio.NewScanner(resp.Body)
	scanner.Buffer(nil, 4<<20)
	for scanner.Scan() {
		data, found := strings.CutPrefix(scanner.Text(), "data: ")
		if !found {
			continue
		}
		var s release.Summary
		if err := json.Unmarshal([]byte(data), &s); err != nil {
			return fmt.Errorf("decode event: %w", err)
		}
		if err := fn(s); err != nil {
			return err
		}
	}
	return scanner.Err()
}
