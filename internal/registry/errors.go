package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"syscall"

	"github.com/ncruces/go-sqlite3"

	"github.com/davit-dev/davit/internal/registry/blob"
	"github.com/davit-dev/davit/internal/registry/index"
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

// problemOf says in the words of the protocol what went wrong; missing is the
// code for what was not found.
func problemOf(err error, missing string) *problem {
	var p *problem
	var incomplete *index.MissingError
	var immutable *index.ImmutableError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &incomplete):
		return problemf(http.StatusNotFound, "MANIFEST_BLOB_UNKNOWN", "%v", incomplete)
	case errors.As(err, &immutable):
		return problemf(http.StatusConflict, "DENIED", "%v", immutable)
	case errors.Is(err, blob.ErrMismatch):
		return problemf(http.StatusBadRequest, "DIGEST_INVALID", "%v", err)
	case errors.Is(err, blob.ErrTooLarge):
		return problemf(http.StatusRequestEntityTooLarge, "SIZE_INVALID", "%v", err)
	case errors.Is(err, ErrNotFound):
		return problemf(http.StatusNotFound, missing, "%v", err)
	case full(err):
		return problemf(http.StatusInsufficientStorage, "UNKNOWN", "the disk is full: %v", err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return problemf(http.StatusRequestTimeout, "BLOB_UPLOAD_INVALID", "nothing came for %s", idleLimit)
	}
	return problemf(http.StatusInternalServerError, "UNKNOWN", "%v", err)
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, r *http.Request, err error, missing string) {
	p := problemOf(err, missing)
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
