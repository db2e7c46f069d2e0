package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/davit-dev/davit/internal/access"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// Issuer makes tokens and ends them. It is an optional ability of a Steerer.
type Issuer interface {
	// Tokens lists those that were not revoked.
	Tokens(ctx context.Context) ([]access.Token, error)
	CreateToken(ctx context.Context, ask TokenRequest, actor string) (NewToken, error)
	RevokeToken(ctx context.Context, id, actor string) (access.Token, error)
}

// TokenRequest says what token is wanted.
type TokenRequest struct {
	Name string            `json:"name"`
	Role access.Role       `json:"role"`
	Apps []string          `json:"apps,omitempty"` // empty: all
	For  quantity.Duration `json:"for"`            // 0: for ever
}

// NewToken is a token with what its holder shows. It is told this once.
type NewToken struct {
	access.Token
	Key string `json:"key"`
}

func (h *Handler) tokens(issuer Issuer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		list, err := issuer.Tokens(r.Context())
		h.answer(w, http.StatusOK, list, err)
	}
}

func (h *Handler) createToken(issuer Issuer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var ask TokenRequest
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&ask); err != nil {
			writeError(w, &release.RefusalError{Code: release.CodeInvalid, Message: fmt.Sprintf("decode request: %v", err)})
			return
		}
		made, err := issuer.CreateToken(r.Context(), ask, actor(r.Context()))
		h.answer(w, http.StatusCreated, made, err)
	}
}

func (h *Handler) revokeToken(issuer Issuer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		revoked, err := issuer.RevokeToken(r.Context(), r.PathValue("token"), actor(r.Context()))
		h.answer(w, http.StatusOK, revoked, err)
	}
}

// Tokens lists the tokens of the server.
func (c *Client) Tokens(ctx context.Context) ([]access.Token, error) {
	var list []access.Token
	err := c.call(ctx, http.MethodGet, "/v1/tokens", nil, &list)
	return list, err
}

// CreateToken makes a token.
func (c *Client) CreateToken(ctx context.Context, ask TokenRequest) (NewToken, error) {
	var made NewToken
	err := c.call(ctx, http.MethodPost, "/v1/tokens", ask, &made)
	return made, err
}

// RevokeToken ends a token and what goes on under it.
func (c *Client) RevokeToken(ctx context.Context, id string) (access.Token, error) {
	var revoked access.Token
	err := c.call(ctx, http.MethodDelete, "/v1/tokens/"+url.PathEscape(id), nil, &revoked)
	return revoked, err
}
