package hadolint

import (
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/project"
)

// inner returns what an instruction does: behind an ONBUILD, what that holds.
func inner(i *dockerfile.Instruction) *dockerfile.Instruction {
	if i.Trigger != nil {
		return i.Trigger
	}
	return i
}

// each calls visit for every instruction with one of the names, also behind
// ONBUILD and before the first FROM.
func each(d *project.Dockerfile, visit func(*dockerfile.Instruction), names ...string) {
	for _, i := range d.AST.Instructions {
		for _, name := range names {
			if in := inner(i); in.Name == name {
				visit(in)
			}
		}
	}
}

// bare takes the quotes off a path and leaves everything else, also what looks
// like an escape: on Windows it is none.
func bare(word dockerfile.Word) string {
	return strings.Trim(word.String(), `'"`)
}

// isAbsolute knows the absolute paths of Linux and of Windows.
func isAbsolute(path string) bool {
	letter := func(i int) bool { return i < len(path) && 'a' <= path[i]|0x20 && path[i]|0x20 <= 'z' }
	return strings.HasPrefix(path, "/") || letter(0) && path[1:] != "" && path[1] == ':' || strings.HasPrefix(path, `\`) && (letter(1) || path == `\`)
}

// written says that a word stands in the source as it is meant, so that it can
// be written over.
func written(word dockerfile.Word) bool {
	return word.Contiguous() && word.String() == word.Value.String()
}

// outcome are the stages that images are made of: those that no other stage
// builds on or copies from. What stands before the first FROM is one, too.
func outcome(d *project.Dockerfile) []*project.Stage {
	var out []*project.Stage
	for _, s := range d.All() {
		if !s.Used {
			out = append(out, s)
		}
	}
	return out
}

// lines returns the whole lines of an instruction, to take it away.
func lines(d *project.Dockerfile, i *dockerfile.Instruction) dockerfile.Span {
	span := i.Whole(d.AST)
	for span.Start > 0 && strings.IndexByte(" \t", d.Source[span.Start-1]) >= 0 {
		span.Start--
	}
	if at := strings.IndexByte(d.Source[span.End:], '\n'); at >= 0 {
		span.End += at + 1
	} else {
		span.End = len(d.Source)
	}
	return span
}
