package release

import (
	"errors"
	"fmt"
)

// ErrNoPlan says that a plan is not in the registry any more.
var ErrNoPlan = errors.New("the plan is gone")

// Code says why the engine refused something.
type Code string

// The codes of a refusal.
const (
	CodeUnderWay  Code = "under_way"    // another release of the app is under way
	CodeBlocked   Code = "blocked"      // the plan was rolled back
	CodeUnchanged Code = "unchanged"    // the plan is live already
	CodeNoWayBack Code = "no_way_back"  // what is live could not be gone back to
	CodeState     Code = "wrong_state"  // not possible now
	CodeUnknown   Code = "not_found"    // no such app or release
	CodeInvalid   Code = "invalid_plan" // the plan cannot be released at all
)

// RefusalError is an answer to somebody who wanted what cannot be. Nothing was done.
type RefusalError struct {
	Code    Code
	Message string
	Hint    string
	Release string // the one in the way, if it is one
}

// Error implements error.
func (r *RefusalError) Error() string { return r.Message }

func refuse(code Code, format string, args ...any) *RefusalError {
	return &RefusalError{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (r *RefusalError) hint(format string, args ...any) *RefusalError {
	r.Hint = fmt.Sprintf(format, args...)
	return r
}
