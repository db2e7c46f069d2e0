package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"syscall"

	"github.com/ncruces/go-sqlite3"
)

// problem is an error of the protocol (OCI distribution-spec 1.1, "Error codes").
type problem struct {
	status  int
	code    string
	message string
}

// Error implements error.
func (p *problem) Error() string { return p.message }

func problemf(status int, code, format string, args ...any) *problem {
	return &problem{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

// full says whether there was no room for something.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, sqlite3.FULL)
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, r *http.Request, err error, missing string) {
	var p *problem
	switch {
	case errors.As(err, &p):
	case errors.Is(err, ErrNotFound):
		p = problemf(http.StatusNotFound, missing, "%v", err)
	case full(err):
		p = problemf(http.StatusInsufficientStorage, "UNKNOWN", "the disk is full: %v", err)
	default:
		p = problemf(http.StatusInternalServerError, "UNKNOWN", "%v", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.status)
	if r.Method == http.MethodHead {
		return
	}
	type entry struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	_ = json.NewEncoder(w).Encode(map[string][]entry{"errors": {{p.code, p.message}}}) // the asker is gone otherwise
}
