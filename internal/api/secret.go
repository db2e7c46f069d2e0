package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/davit-dev/davit/internal/release"
)

// Secret is what may be known of a secret. Its value never comes back.
type Secret struct {
	Name        string    `json:"name"`  // of the variable
	Stage       string    `json:"stage"` // production or staging
	Fingerprint string    `json:"fingerprint"`
	Set         time.Time `json:"set"`
	By          string    `json:"by"`
}

// SecretRequest names a secret of an app.
type SecretRequest struct{ App, Stage, Name string }

// Safe keeps secrets. It is an optional ability of a Steerer.
type Safe interface {
	// Secrets lists those of an app.
	Secrets(ctx context.Context, app string) ([]Secret, error)
	SetSecret(ctx context.Context, at SecretRequest, value, actor string) (Secret, error)
	RemoveSecret(ctx context.Context, at SecretRequest, actor string) error
}

// maxSecret bounds a request that sets a secret; the value itself is bounded by
// the Safe.
const maxSecret = 1 << 20

// secretValue is the body of a request that sets a secret.
type secretValue struct {
	Value string `json:"value"`
}

func secretOf(r *http.Request) SecretRequest {
	return SecretRequest{App: r.PathValue("app"), Stage: r.FormValue("stage"), Name: r.PathValue("name")}
}

func (h *Handler) secrets(safe Safe) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		list, err := safe.Secrets(r.Context(), r.PathValue("app"))
		h.answer(w, http.StatusOK, list, err)
	}
}

func (h *Handler) setSecret(safe Safe) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body secretValue
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSecret))
		dec.DisallowUnknownFields()
		if dec.Decode(&body) != nil { // whose text could quote the value
			writeError(w, &release.RefusalError{Code: release.CodeInvalid, Message: "decode secret: it is not {\"value\": TEXT}"})
			return
		}
		set, err := safe.SetSecret(r.Context(), secretOf(r), body.Value, actor(r.Context()))
		h.answer(w, http.StatusOK, set, err)
	}
}

func (h *Handler) removeSecret(safe Safe) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := safe.RemoveSecret(r.Context(), secretOf(r), actor(r.Context()))
		h.answer(w, http.StatusOK, struct{}{}, err)
	}
}

func (at SecretRequest) path() string {
	return fmt.Sprintf("/v1/apps/%s/secrets/%s?stage=%s", url.PathEscape(at.App), url.PathEscape(at.Name), url.QueryEscape(at.Stage))
}

// Secrets lists the secrets of an app, without their values.
func (c *Client) Secrets(ctx context.Context, app string) ([]Secret, error) {
	var list []Secret
	err := c.call(ctx, http.MethodGet, "/v1/apps/"+url.PathEscape(app)+"/secrets", nil, &list)
	return list, err
}

// SetSecret hands a value over, for releases to come.
func (c *Client) SetSecret(ctx context.Context, at SecretRequest, value string) (Secret, error) {
	var set Secret
	err := c.call(ctx, http.MethodPut, at.path(), secretValue{value}, &set)
	return set, err
}

// RemoveSecret makes the server forget a secret.
func (c *Client) RemoveSecret(ctx context.Context, at SecretRequest) error {
	return c.call(ctx, http.MethodDelete, at.path(), nil, &struct{}{})
}
