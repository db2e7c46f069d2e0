package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
)

// verdict simulates releases in the two cells by which a verdict is known; the
// whole grid is that of 'make bench-canary'.
func (b *bench) verdict(ctx context.Context, t *table) error {
	out, err := output(ctx, "", nil, "go", "run", "./bench/canary", "-figures", "-runs", strconv.Itoa(b.runs))
	if err != nil {
		return err
	}
	var f struct {
		Runs   int     `json:"runs"`
		Rolled int     `json:"false_rollbacks"`
		Bound  float64 `json:"bound"`
		Harmed float64 `json:"harmed"`
	}
	if err := json.Unmarshal(out, &f); err != nil {
		return fmt.Errorf("read the figures: %w", err)
	}
	t.note(fmt.Sprintf("same version, 20 requests/s: rolled back of %d releases", f.Runs), float64(f.Rolled), "")
	t.most("same version, 20 requests/s: rolled back, by the bound", 100*f.Bound, 1, "%")
	t.most("0.5 → 50 % errors at 20 requests/s: failed until the rollback", f.Harmed, 5, "")
	return nil
}
