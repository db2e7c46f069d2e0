package api

import (
	"context"
	"io"
	"net/http"
	"strconv"
)

// Keeper writes all that must not be lost into an archive. It is an optional
// ability of a Steerer.
type Keeper interface {
	// Backup writes an archive of package backup, with or without the secrets of
	// the data folder. What was written before an error is worth nothing.
	Backup(ctx context.Context, w io.Writer, keys bool, actor string) error
}

// backup streams an archive. Once it has begun, an error is told by breaking the
// connection, so that nobody takes a half for a whole.
func (h *Handler) backup(w http.ResponseWriter, r *http.Request) {
	keeper, able := h.Steerer.(Keeper)
	if !able {
		http.NotFound(w, r)
		return
	}
	begun := &watched{ResponseWriter: w}
	w.Header().Set("Content-Type", "application/gzip")
	err := keeper.Backup(r.Context(), begun, r.FormValue("keys") == "true", actor(r.Context()))
	switch {
	case err != nil && begun.wrote:
		h.Log.Error("backup broken off", "error", err)
		panic(http.ErrAbortHandler)
	case err != nil:
		h.answer(w, 0, nil, err)
	}
}

// watched knows whether anything was written.
type watched struct {
	http.ResponseWriter

	wrote bool
}

// Write implements io.Writer.
func (w *watched) Write(p []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(p)
}

// Backup streams an archive of the server's data folder. A stream that ends with
// io.EOF came to its end.
func (c *Client) Backup(ctx context.Context, keys bool) (io.ReadCloser, error) {
	resp, err := c.send(ctx, http.MethodPost, "/v1/backup?keys="+strconv.FormatBool(keys), nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
