package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/davit-dev/davit/internal/release"
)

// Watcher shows what is.
type Watcher interface {
	Status(ctx context.Context) (Status, error)
	// Changed is closed with the next change of any app.
	Changed() <-chan struct{}
	Logs(ctx context.Context, query LogQuery) (io.ReadCloser, error)
	// Explain replays the journal for a release.
	Explain(ctx context.Context, id string) (release.Explanation, error)
}

// Steerer changes what is. Its refusals are of type *release.RefusalError.
type Steerer interface {
	Submit(ctx context.Context, s Submission, actor string) (release.Summary, error)
	Steer(ctx context.Context, verb Verb, target, actor string) (release.Summary, error)
	Shutdown(ctx context.Context, actor string) error
}

// Journal shows the memory of what was done.
type Journal interface {
	// Leaves calls fn with the hashed bytes of every entry from an index on.
	Leaves(ctx context.Context, from int64, fn func(leaf []byte) error) error
	// Checkpoint returns the signed head, with the proof that it continues the
	// tree of the old size when that is above zero.
	Checkpoint(ctx context.Context, old int64) (Checkpoint, error)
	// Proof returns the proof that an entry is under the signed head, as JSON.
	Proof(ctx context.Context, index int64) (json.RawMessage, error)
}

// Handler answers under /v1/, to the caller in the context of each request. It
// belongs on a unix socket whose server uses ConnContext, or behind a Gate.
type Handler struct {
	Watcher  Watcher
	Steerer  Steerer
	Scrubber Scrubber
	Journal  Journal
	Log      *slog.Logger
	mux      *http.ServeMux
}

// NewHandler wires the routes.
func NewHandler(watcher Watcher, steerer Steerer, scrubber Scrubber, journal Journal, log *slog.Logger) *Handler {
	h := &Handler{
		Watcher: watcher, Steerer: steerer, Scrubber: scrubber, Journal: journal, Log: log, mux: http.NewServeMux(),
	}
	for _, route := range h.Routes() {
		h.mux.HandleFunc(route.Pattern, h.guarded(route))
	}
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

func (h *Handler) status(w http.ResponseWriter, r *http.Request) {
	status, err := h.Watcher.Status(r.Context())
	h.answer(w, http.StatusOK, status.For(CallerOf(r.Context())), err)
}

func (h *Handler) explanation(w http.ResponseWriter, r *http.Request) {
	explanation, err := h.Watcher.Explain(r.Context(), r.PathValue("id"))
	h.answer(w, http.StatusOK, explanation, err)
}

func (h *Handler) submit(w http.ResponseWriter, r *http.Request) {
	var s Submission
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		writeError(w, &release.RefusalError{Code: release.CodeInvalid, Message: fmt.Sprintf("decode submission: %v", err)})
		return
	}
	summary, err := h.Steerer.Submit(r.Context(), s, actor(r.Context()))
	h.answer(w, http.StatusCreated, summary, err)
}

// steer applies a verb to the release or the app that the path names.
func (h *Handler) steer(verb Verb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		target := r.PathValue("id") + r.PathValue("app")
		summary, err := h.Steerer.Steer(r.Context(), verb, target, actor(r.Context()))
		h.answer(w, http.StatusOK, summary, err)
	}
}

func (h *Handler) logs(w http.ResponseWriter, r *http.Request) {
	query := LogQuery{
		App: r.PathValue("app"), Release: r.FormValue("release"), Follow: r.FormValue("follow") == "true",
	}
	query.Tail, _ = strconv.Atoi(r.FormValue("tail")) // what is no number means all
	lines, err := h.Watcher.Logs(r.Context(), query)
	if err != nil {
		h.answer(w, 0, nil, err)
		return
	}
	defer lines.Close()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.Copy(flushing{w}, lines) // ends with either side
}

func (h *Handler) journal(w http.ResponseWriter, r *http.Request) {
	from, err := strconv.ParseInt(r.FormValue("from"), 10, 64)
	if err != nil {
		from = 0
	}
	w.Header().Set("Content-Type", "application/jsonl")
	err = h.Journal.Leaves(r.Context(), from, func(leaf []byte) error {
		_, err := w.Write(append(leaf, '\n'))
		return err
	})
	if err != nil {
		h.Log.Warn("journal was not sent whole", "error", err)
		panic(http.ErrAbortHandler) // a cut answer must not look like a whole one
	}
}

func (h *Handler) checkpoint(w http.ResponseWriter, r *http.Request) {
	old, err := strconv.ParseInt(r.FormValue("old"), 10, 64)
	if err != nil {
		old = 0
	}
	checkpoint, err := h.Journal.Checkpoint(r.Context(), old)
	h.answer(w, http.StatusOK, checkpoint, err)
}

func (h *Handler) shutdown(w http.ResponseWriter, r *http.Request) {
	err := h.Steerer.Shutdown(r.Context(), actor(r.Context()))
	h.answer(w, http.StatusAccepted, struct{}{}, err)
}

func (h *Handler) answer(w http.ResponseWriter, status int, value any, err error) {
	if err != nil {
		h.Log.Info("refused", "error", err)
		writeError(w, err)
		return
	}
	writeJSON(w, status, value)
}

// flushing sends what is written at once.
type flushing struct{ w http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	_ = http.NewResponseController(f.w).Flush() // an answer that cannot be flushed arrives later
	return n, err
}
