package api

import (
	"net/http"
	"strings"

	"github.com/davit-dev/davit/internal/access"
)

// Route is a request that is answered, and who may make it. One that names no role
// is open to nobody.
type Route struct {
	Pattern string // of http.ServeMux
	Role    access.Role
	about   about
	serve   http.HandlerFunc
}

// about refuses callers whose apps are not those that a request is about.
type about func(c Caller, r *http.Request) error

// ownApps is for requests whose answer is made of what the caller may see, or that
// are about no app.
func ownApps(Caller, *http.Request) error { return nil }

func allApps(c Caller, _ *http.Request) error { return c.NeedAll() }

func pathApp(c Caller, r *http.Request) error { return c.NeedApp(r.PathValue("app")) }

// pathRelease is for releases, whose names are APP-N.
func pathRelease(c Caller, r *http.Request) error {
	id := r.PathValue("id")
	return c.NeedApp(id[:max(0, strings.LastIndexByte(id, '-'))])
}

// Routes lists all that the handler answers.
func (h *Handler) Routes() []Route {
	routes := []Route{
		{"GET /v1/status", access.Viewer, ownApps, h.status},
		{"GET /v1/checkpoint", access.Viewer, ownApps, h.checkpoint},
		{"GET /v1/releases/{id}/events", access.Viewer, pathRelease, h.events},
		{"GET /v1/releases/{id}/explanation", access.Viewer, pathRelease, h.explanation},
		{"GET /v1/apps/{app}/logs", access.Viewer, pathApp, h.logs},
		{"GET /v1/journal", access.Viewer, allApps, h.journal},
		{"GET /v1/journal/{index}/proof", access.Viewer, allApps, h.proof},
		{"POST /v1/releases", access.Deployer, ownApps, h.submit}, // its app is in the plan
		{"POST /v1/releases/{id}/approve", access.Deployer, pathRelease, h.steer(Approve)},
		{"POST /v1/releases/{id}/abort", access.Deployer, pathRelease, h.steer(Abort)},
		{"POST /v1/releases/{id}/hold", access.Deployer, pathRelease, h.steer(Hold)},
		{"POST /v1/releases/{id}/resume", access.Deployer, pathRelease, h.steer(Resume)},
		{"POST /v1/apps/{app}/rollback", access.Deployer, pathApp, h.steer(Rollback)},
		{"POST /v1/apps/{app}/unblock", access.Deployer, pathApp, h.steer(Unblock)},
		{"POST /v1/apps/{app}/remove", access.Admin, pathApp, h.steer(Remove)},
		{"POST /v1/registry/scrub", access.Admin, allApps, h.scrub},
		{"POST /v1/backup", access.Admin, allApps, h.backup},
		{"POST /v1/shutdown", access.Admin, allApps, h.shutdown},
	}
	if safe, ok := h.Steerer.(Safe); ok {
		routes = append(routes,
			Route{"GET /v1/apps/{app}/secrets", access.Deployer, pathApp, h.secrets(safe)},
			Route{"PUT /v1/apps/{app}/secrets/{name}", access.Admin, pathApp, h.setSecret(safe)},
			Route{"DELETE /v1/apps/{app}/secrets/{name}", access.Admin, pathApp, h.removeSecret(safe)})
	}
	if issuer, ok := h.Steerer.(Issuer); ok {
		routes = append(routes,
			Route{"GET /v1/tokens", access.Admin, allApps, h.tokens(issuer)},
			Route{"POST /v1/tokens", access.Admin, allApps, h.createToken(issuer)},
			Route{"DELETE /v1/tokens/{token}", access.Admin, allApps, h.revokeToken(issuer)})
	}
	if by, ok := h.Watcher.(Previewer); ok {
		routes = append(routes, Route{"POST /v1/apps/{app}/preview", access.Deployer, pathApp, h.preview(by)})
	}
	return routes
}

// guarded answers a route for those who may.
func (h *Handler) guarded(route Route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := CallerOf(r.Context())
		err := c.Need(route.Role)
		if err == nil {
			err = route.about(c, r)
		}
		if err != nil {
			h.answer(w, 0, nil, err)
			return
		}
		route.serve(w, r)
	}
}
