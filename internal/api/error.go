package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/davit-dev/davit/internal/release"
)

// Error is a refusal as it crosses the wire.
type Error struct {
	Code    release.Code `json:"code"`
	Message string       `json:"message"`
	Hint    string       `json:"hint,omitempty"`
	Release string       `json:"release,omitempty"` // the one in the way
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// ErrNotRunning says that nothing listens on the socket.
var ErrNotRunning = errors.New("no davit is serving here")

// The codes of refusals that are not the engine's.
const (
	CodeUnauthorized release.Code = "unauthorized" // nobody knows who asks
	CodeForbidden    release.Code = "forbidden"    // who asks may not
	codeHeld         release.Code = "too_many_attempts"
	codeInternal     release.Code = "internal" // is nobody's refusal
)

// httpStatus maps the codes of refusals to HTTP.
func httpStatus(code release.Code) int {
	switch code {
	case release.CodeUnknown:
		return http.StatusNotFound
	case release.CodeInvalid:
		return http.StatusUnprocessableEntity
	case CodeUnauthorized:
		return http.StatusUnauthorized
	case CodeForbidden:
		return http.StatusForbidden
	case codeHeld:
		return http.StatusTooManyRequests
	case codeInternal:
		return http.StatusInternalServerError
	default:
		return http.StatusConflict
	}
}

type errorBody struct {
	Error *Error `json:"error"`
}

func writeError(w http.ResponseWriter, err error) {
	answer, known := errors.AsType[*Error](err)
	if !known {
		answer = &Error{Code: codeInternal, Message: err.Error()}
	}
	if refusal := (*release.RefusalError)(nil); errors.As(err, &refusal) {
		answer = &Error{
			Code: refusal.Code, Message: refusal.Message,
			Hint: refusal.Hint, Release: refusal.Release,
		}
	}
	writeJSON(w, httpStatus(answer.Code), errorBody{Error: answer})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the client is gone when this fails
}

// decodeError turns an answer that is not 2xx into an error.
func decodeError(resp *http.Response) error {
	var body errorBody
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || body.Error == nil {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	return body.Error
}
