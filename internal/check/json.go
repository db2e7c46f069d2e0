package check

import (
	"encoding/json"
	"fmt"
	"io"
)

// JSON writes {"version":1,"findings":[…]} and a newline. What version 1 holds
// does not change; what would change it makes version 2.
func JSON(w io.Writer, findings []Finding) error {
	if findings == nil {
		findings = []Finding{}
	}
	err := json.NewEncoder(w).Encode(struct {
		Version  int       `json:"version"`
		Findings []Finding `json:"findings"`
	}{1, findings})
	if err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}
