package process_test

import (
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/driver/process"
)

func TestPatience(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	for name, test := range map[string]struct {
		ready  bool
		ran    []time.Duration
		pauses []time.Duration // then it gives up, unless there is one for each run
	}{
		"never ready":             {false, []time.Duration{0, 0, 0}, []time.Duration{100 * ms, 200 * ms}},
		"a crash loop":            {true, []time.Duration{0, 0, 0, 0, 0}, []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms}},
		"never twice in a minute": {true, []time.Duration{61 * s, 61 * s, 61 * s, 61 * s, 61 * s, 61 * s}, []time.Duration{100 * ms, 100 * ms, 100 * ms, 100 * ms, 100 * ms, 100 * ms}},
		"well for a while":        {true, []time.Duration{0, 0, 15 * s, 0}, []time.Duration{100 * ms, 200 * ms, 100 * ms, 200 * ms}},
		"well, but often":         {true, []time.Duration{11 * s, 11 * s, 11 * s, 11 * s, 11 * s}, []time.Duration{100 * ms, 100 * ms, 100 * ms, 100 * ms}},
	} {
		t.Run(name, func(t *testing.T) {
			var p process.Patience
			now := time.Unix(0, 0)
			for i, ran := range test.ran {
				now = now.Add(ran)
				pause, again := p.Ended(now, ran, test.ready)
				if again != (i < len(test.pauses)) {
					t.Fatalf("end %d: again is %t", i, again)
				}
				if again && pause != test.pauses[i] {
					t.Errorf("end %d: a pause of %s, not %s", i, pause, test.pauses[i])
				}
				now = now.Add(pause)
			}
		})
	}
}

func TestPausesHaveABound(t *testing.T) {
	var p process.Patience
	now, longest := time.Unix(0, 0), time.Duration(0)
	for range 40 { // ends that are just rare enough
		now = now.Add(20 * time.Second)
		pause, again := p.Ended(now, 9*time.Second, true)
		if !again {
			t.Fatal("it gave up")
		}
		now, longest = now.Add(pause), max(longest, pause)
	}
	if longest != 30*time.Second {
		t.Errorf("the longest pause is %s", longest)
	}
}
