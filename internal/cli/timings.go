package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/davit-dev/davit/internal/build"
)

// timings collects where the time of a build goes.
type timings struct {
	begin time.Time
	parts []build.Event
}

func (t *timings) event(e build.Event) {
	if t.begin.IsZero() {
		t.begin = time.Now()
	}
	if e.Step == build.Took || e.Step == build.Changed {
		t.parts = append(t.parts, e)
	}
}

func (t *timings) print(w io.Writer) {
	for _, part := range t.parts {
		if part.Step == build.Changed {
			fmt.Fprintf(w, "%8s  %s\n", "", part.Subject)
			continue
		}
		fmt.Fprintf(w, "%8s  %s\n", part.Elapsed.Round(time.Millisecond), part.Subject)
	}
}
