package build

import "time"

// Step is what a build is busy with.
type Step string

// The steps of a build. Each is told when it begins, except for Packed, Reused
// and Took, which are told with what came of it.
const (
	Waiting     Step = "waiting"     // for another davit that builds the same program
	Downloading Step = "downloading" // a module or a base; Subject is what is said about it
	Compiling   Step = "compiling"   // Subject is the package
	Packed      Step = "packed"      // a layer; Subject is its content, Total its bytes
	Reused      Step = "reused"      // a layer that was packed before
	Unchanged   Step = "unchanged"   // a program whose inputs are those of the last time; nothing was started
	Handed      Step = "handed over" // to another builder; Subject says why
	Changed     Step = "changed"     // something that programs are made of; Subject says what
	Took        Step = "took"        // Subject is a part of the way, Elapsed how long it took
	Pushing     Step = "pushing"     // Subject is the reference; Done of Total bytes
)

// Event tells how far a build is.
type Event struct {
	Step    Step
	Subject string
	Done    int64 // bytes; 0 where they are not counted
	Total   int64 // bytes; may grow while a push goes on
	Elapsed time.Duration
}

// took tells how long a part of the way took, when it has ended:
// defer b.took("compile")().
func (b *Builder) took(part string) func() {
	begin := time.Now()
	return func() { b.tell(Event{Step: Took, Subject: part, Elapsed: time.Since(begin)}) }
}

func (b *Builder) tell(e Event) {
	if b.opts.Progress == nil {
		return
	}
	b.telling.Lock()
	defer b.telling.Unlock()
	b.opts.Progress(e)
}
