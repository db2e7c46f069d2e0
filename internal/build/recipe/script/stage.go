package script

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// Stage is what commands have to know about the stage that they are in, and what
// one leaves for the next.
type Stage struct {
	Golang   bool   // it begins with the official Go image
	Result   bool   // its files are those of the image that is built
	System   System // that its image is of, as far as its name says so
	OS, Arch string // of its platform, in Go's words
	ARM      string // GOARM, for Arch "arm"
	// Toolchain is what GOTOOLCHAIN is set to, "" for the Go of this machine.
	Toolchain string
	// NoModules says that Go looks for go.mod only outside GOPATH, unless it is told
	// otherwise: before Go 1.13.
	NoModules bool
	// Out is a folder of this stage for programs. The go command finds there what
	// it linked the last time.
	Out string

	Compiler bool                // there is a C compiler in the stage
	Virtual  map[string][]string // packages by the name that apk add --virtual gives them
	Packages map[string]bool     // that were installed
	Copied   map[int]bool        // steps that copied from the build context
	GoEnv    map[string]string   // of go env -w
	Hostname string              // of the machine that RUN lines see
	Epoch    string              // what date says, in seconds since 1970; "" when it may say nothing
}

// has tells whether the image has one of the tools that Dockerfiles build with.
// Debian's Go images have them; to Alpine's they are added.
func (s *Stage) has(tool string) bool {
	from := map[string][]string{"make": {"make", "build-base", "alpine-sdk"}, "git": {"git", "git-lfs", "alpine-sdk"}, "bash": {"bash", "alpine-sdk"}}
	return s.Golang && s.System == Debian || slices.ContainsFunc(from[tool], func(p string) bool { return s.Packages[p] })
}

// System is a kind of Linux.
type System string

// The systems whose commands are known.
const (
	Alpine System = "alpine"
	Debian System = "debian"
)

// Machine is what commands reach outside the tree.
type Machine struct {
	// Go runs a go command and returns what it printed on its standard output.
	// An error of the command itself is a *GoError.
	Go func(ctx context.Context, c GoCommand) (string, error)
	// Git runs a git command that only reads, in a repository whose files are not
	// trusted, and returns what it printed. Dir is the work tree.
	Git func(ctx context.Context, dir string, args ...string) (string, error)
	// Roots are the certificates of the public authorities, in PEM.
	Roots func() []byte
	// Zones are the files of /usr/share/zoneinfo.
	Zones func() ([]layer.Entry, error)
}

// GoCommand is a go command in a folder of this machine. Env comes on top of
// the settings of this machine that package source lets through.
type GoCommand struct {
	Dir  string
	Args []string
	Env  []string
}

// GoError is what the go command complained about.
type GoError struct{ Output string }

// Error implements error.
func (e *GoError) Error() string { return e.Output }

// isOrdinary tells the fault of a line from that of this machine.
func isOrdinary(err error) bool {
	usage := (*usageError)(nil)
	for _, kind := range []error{
		fs.ErrNotExist, fs.ErrExist, tree.ErrIsFolder, tree.ErrNotFolder,
		tree.ErrIntoItself, tree.ErrLinks, tree.ErrRoot,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return errors.As(err, &usage)
}

// usageError is a command that cannot do what it was asked for.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }
