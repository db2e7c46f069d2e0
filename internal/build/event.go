package build

// Step is what a build is busy with.
type Step string

// The steps of a build and a push. Each is told when it begins, except for
// Packed, which is told with the bytes of the finished layer.
const (
	Waiting     Step = "waiting"     // for another davit that builds the same program
	Downloading Step = "downloading" // a module; Subject is what go says about it
	Compiling   Step = "compiling"   // Subject is the package
	Packed      Step = "packed"      // a layer; Subject is its content, Total its bytes
	Reused      Step = "reused"      // a layer that was packed before
	Pushing     Step = "pushing"     // Subject is the reference; Done of Total bytes
)

// Event tells how far a build or a push is.
type Event struct {
	Step    Step
	Subject string
	Done    int64 // bytes; 0 where they are not counted
	Total   int64 // bytes; may grow while a push goes on
}
