package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// Previewer lets testers choose a version. It is optional: a Watcher may have it.
type Previewer interface {
	Preview(ctx context.Context, app string, ask PreviewRequest, actor string) (Preview, error)
}

// PreviewRequest says what is to be seen.
type PreviewRequest struct {
	Release string            `json:"release,omitempty"` // "": what goes out, or else what is live
	For     quantity.Duration `json:"for"`               // at most a day
}

// Preview is how a tester gets one release of an app, whatever the weights are.
// Such requests are not counted for the verdict.
type Preview struct {
	App     string    `json:"app"`
	Release string    `json:"release"`
	Until   time.Time `json:"until"`
	Header  string    `json:"header"` // name of the request header
	Token   string    `json:"token"`  // its value
	Host    string    `json:"host"`
	URL     string    `json:"url"`               // of production
	Staging string    `json:"staging,omitempty"` // URL, without a token, while the release is verified there
}

func (h *Handler) preview(by Previewer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var ask PreviewRequest
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&ask); err != nil {
			writeError(w, &release.RefusalError{Code: release.CodeInvalid, Message: fmt.Sprintf("decode request: %v", err)})
			return
		}
		preview, err := by.Preview(r.Context(), r.PathValue("app"), ask, actor(r.Context()))
		h.answer(w, http.StatusCreated, preview, err)
	}
}

// Preview returns a token for a release of the app.
func (c *Client) Preview(ctx context.Context, app string, ask PreviewRequest) (Preview, error) {
	var preview Preview
	err := c.call(ctx, http.MethodPost, "/v1/apps/"+url.PathEscape(app)+"/preview", ask, &preview)
	return preview, err
}
