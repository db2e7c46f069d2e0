package render

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/davit-dev/davit/internal/check/finding"
)

// JSON writes {"version":1,"findings":[…]} and a newline. What version 1 holds
// does not change; what would change it makes version 2.
func JSON(w io.Writer, r Report) error {
	if r.Findings == nil {
		r.Findings = []finding.Finding{}
	}
	return encode(w, struct {
		Version  int               `json:"version"`
		Findings []finding.Finding `json:"findings"`
	}{1, r.Findings})
}

// encode writes a value as JSON. What is not UTF-8 in it becomes U+FFFD.
func encode(w io.Writer, value any) error {
	if err := json.NewEncoder(w).Encode(value); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}
