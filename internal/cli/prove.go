package cli

import (
	"context"
	"fmt"

	"github.com/davit-dev/davit/internal/app"
	"github.com/davit-dev/davit/internal/check"
	"github.com/davit-dev/davit/internal/workshop/proof"
)

// prove shows what changes do to the images, and refuses those that are not
// proved.
func (c *call) prove(ctx context.Context, checked app.Checked, changes check.Changes) error {
	show := newSteps(c.Stdio)
	proofs, err := app.Prove(ctx, checked, changes, show.event)
	show.end()
	if err != nil {
		return err
	}
	held := true
	for _, p := range proofs {
		c.printProof(p)
		held = held && p.Verdict.Holds()
	}
	if !held {
		return (&exitError{code: exitFindings, message: "the fixes are not proved, and nothing was written"}).
			hint("'davit check --fix --diff' shows them")
	}
	return nil
}

func (c *call) printProof(p proof.Proof) {
	word := map[proof.Verdict]string{
		proof.Same: "proved", proof.Starts: "proved", proof.Fails: "refuted", proof.Open: "not proved",
	}[p.Verdict]
	fmt.Fprintf(c.Err, "%s: %s: %s\n", word, p.Dockerfile, p.Reason)
	fmt.Fprintf(c.Err, "  before  %s\n  after   %s\n", imageSize(p.Before), imageSize(p.After))
	const most = 20
	for i, d := range p.Differences {
		if i == most {
			fmt.Fprintf(c.Err, "  and %d more differences\n", len(p.Differences)-most)
			break
		}
		fmt.Fprintf(c.Err, "  %s\n", d)
	}
}

func imageSize(i *proof.Image) string {
	if i == nil {
		return "does not build"
	}
	return fmt.Sprintf("%.2f MB in %d layers", float64(i.Bytes)/1e6, i.Layers)
}
