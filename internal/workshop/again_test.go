package workshop_test

import (
	"syscall"
	"testing"

	"github.com/davit-dev/davit/internal/workshop"
)

// faults counts the pages that all processes took which this one has started and
// waited for: it grows with each of them.
func faults(t *testing.T) int64 {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage); err != nil {
		t.Fatal(err)
	}
	return usage.Minflt
}

// TestNothingChangedStartsNoProcess: with the prober too, and whatever the go
// command was told where its toolchain is.
func TestNothingChangedStartsNoProcess(t *testing.T) {
	for name, settings := range map[string]string{
		"plain":  "build: {main: server}\n",
		"prober": "build: {main: server, prober: true}\n",
		"both":   "build: {main: server, prober: true, platforms: [linux/amd64, linux/arm64]}\n",
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.write("davit.yaml", settings)
			before := faults(t)
			first := p.build(workshop.Order{})[0]
			if faults(t) == before {
				t.Error("no process was seen that built anything")
			}
			p.build(workshop.Order{}) // what was written a moment before a build may have been written during it
			built := faults(t)
			again := p.build(workshop.Order{})[0]
			if started := faults(t) - built; started != 0 {
				t.Errorf("a process was started, which took %d pages", started)
			}
			if again.Digest != first.Digest {
				t.Errorf("%s, and then %s", first.Digest, again.Digest)
			}
		})
	}
}
