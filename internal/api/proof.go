package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/davit-dev/davit/internal/release"
)

func (h *Handler) proof(w http.ResponseWriter, r *http.Request) {
	index, err := strconv.ParseInt(r.PathValue("index"), 10, 64)
	if err != nil {
		writeError(w, &release.RefusalError{Code: release.CodeInvalid, Message: "no entry " + strconv.Quote(r.PathValue("index"))})
		return
	}
	proof, err := h.Journal.Proof(r.Context(), index)
	h.answer(w, http.StatusOK, proof, err)
}

// Proof returns the proof that an entry is in the journal, as JSON.
func (c *Client) Proof(ctx context.Context, index int64) (json.RawMessage, error) {
	var proof json.RawMessage
	err := c.call(ctx, http.MethodGet, "/v1/journal/"+strconv.FormatInt(index, 10)+"/proof", nil, &proof)
	return proof, err
}
