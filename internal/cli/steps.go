package cli

import (
	"fmt"

	"github.com/davit-dev/davit/internal/build"
)

// steps shows what a build is busy with: on a terminal only, in one line.
type steps struct {
	progress *progress
}

func newSteps(stdio Stdio) steps { return steps{newProgress(stdio, false)} }

func (s steps) event(e build.Event) {
	if !s.progress.stdio.Terminal {
		return
	}
	line := string(e.Step) + " " + e.Subject
	if e.Total > 0 {
		line += fmt.Sprintf(" %.1f MB", float64(e.Total)/1e6)
	}
	s.progress.rewrite(line)
}

func (s steps) end() { s.progress.erase() }
