// Package render writes findings down: for people, for editors, and in the
// formats that other tools read.
//
// Its invariant: what a format is given comes out whole and valid in that
// format, whatever bytes it holds.
package render

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/davit-dev/davit/internal/check/finding"
)

// JSON writes {"version":1,"findings":[…]} and a newline. What version 1 holds
// does not change; what would change it makes version 2.
func JSON(w io.Writer, findings []finding.Finding) error {
	if findings == nil {
		findings = []finding.Finding{}
	}
	err := json.NewEncoder(w).Encode(struct {
		Version  int               `json:"version"`
		Findings []finding.Finding `json:"findings"`
	}{1, findings})
	if err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}
