package api

import (
	"context"
	"net/http"
)

// Scrubber looks whether everything at rest is what it was.
type Scrubber interface {
	Scrub(ctx context.Context, actor string) (Scrub, error)
}

// Scrub is what came of reading the whole registry.
type Scrub struct {
	Blobs   int      `json:"blobs"` // that were read
	Bytes   int64    `json:"bytes"`
	Damaged []Damage `json:"damaged"`
}

// Damage is content that cannot be read any more.
type Damage struct {
	Digest     string   `json:"digest"`
	Repository string   `json:"repository,omitempty"` // one that has it
	Manifests  []string `json:"manifests,omitempty"`  // that need it
	Missing    bool     `json:"missing"`              // it is gone; otherwise it was set aside
}

func (h *Handler) scrub(w http.ResponseWriter, r *http.Request) {
	found, err := h.Scrubber.Scrub(r.Context(), actor(r.Context()))
	h.answer(w, http.StatusOK, found, err)
}

// Scrub reads everything in the registry, and returns when that is done.
func (c *Client) Scrub(ctx context.Context) (Scrub, error) {
	var found Scrub
	err := c.call(ctx, http.MethodPost, "/v1/registry/scrub", nil, &found)
	return found, err
}
