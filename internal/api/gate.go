package api

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/access"
)

// Gate lets the holders of tokens through to next, as callers (RFC 6750, section
// 2.1). What they do ends with their token.
func Gate(door *access.Door, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			w.Header().Set("WWW-Authenticate", `Bearer realm="davit"`)
			writeError(w, &Error{
				Code: CodeUnauthorized, Message: "this needs a token",
				Hint: "'davit login' keeps one that 'davit token create' made on the server",
			})
			return
		}
		t, err := door.Admit(r, strings.TrimSpace(shown))
		if err != nil {
			refuseKey(w, err)
			return
		}
		door.Under(w, r.WithContext(WithCaller(r.Context(), HolderOf(t))), t, next)
	})
}

func refuseKey(w http.ResponseWriter, err error) {
	if held, ok := errors.AsType[*access.HeldError](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(held.For.Seconds())+1))
		writeError(w, &Error{Code: codeHeld, Message: err.Error()})
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="davit", error="invalid_token"`)
	writeError(w, &Error{
		Code: CodeUnauthorized, Message: err.Error(),
		Hint: "'davit token create' on the server makes another, 'davit login' keeps it",
	})
}
