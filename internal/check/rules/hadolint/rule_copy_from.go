package hadolint

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleCopyFromUnknown() rule.Rule {
	return rule.Rule{
		Code:     "DL3022",
		Severity: finding.Warning,
		Title:    "Copy from a stage that is there",
		Why: "What is no stage above the COPY is taken for an image: the build fetches whatever has that name, " +
			"in its latest version, or stops because there is none.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			eachCopyFrom(d, func(s *project.Stage, i *dockerfile.Instruction, from dockerfile.Text) {
				name := from.String()
				if strings.ContainsAny(name, ":@$") || isStage(d, name, s.Index) || isOwn(s, name) {
					return
				}
				p.Report(d.File, rule.Report{
					At:      flagSpan(i, "from"),
					Message: fmt.Sprintf("%q is no stage above this line; if it is an image, say so with a tag", name),
				})
			})
		},
	}
}

func ruleCopyFromSelf() rule.Rule {
	return rule.Rule{
		Code:     "DL3023",
		Severity: finding.Error,
		Title:    "Do not copy from the stage itself",
		Why:      "A stage is not built yet where it is copied from: BuildKit says that the stages depend on each other in a circle.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			eachCopyFrom(d, func(s *project.Stage, i *dockerfile.Instruction, from dockerfile.Text) {
				if isOwn(s, from.String()) && !isStage(d, from.String(), s.Index) {
					p.Report(d.File, rule.Report{
						At:      flagSpan(i, "from"),
						Message: fmt.Sprintf("%q is the stage that is copied to; name another one, or move the file with a RUN", from.String()),
					})
				}
			})
		},
	}
}

// eachCopyFrom visits the COPY --from of all stages, but for those that a later
// build runs.
func eachCopyFrom(d *project.Dockerfile, visit func(*project.Stage, *dockerfile.Instruction, dockerfile.Text)) {
	for _, s := range d.All() {
		for _, i := range s.Instructions {
			if from, found := i.Flag("from"); found && i.Name == "COPY" && from.Len() > 0 {
				visit(s, i, from)
			}
		}
	}
}

// isStage says whether one of the first stages of the file has a name or number.
func isStage(d *project.Dockerfile, name string, count int) bool {
	for k, s := range d.Stages[:count] {
		if s.Name == strings.ToLower(name) || strconv.Itoa(k) == name {
			return true
		}
	}
	return false
}

func isOwn(s *project.Stage, name string) bool {
	return s.From != nil && (s.Name != "" && s.Name == strings.ToLower(name) || strconv.Itoa(s.Index) == name)
}

// flagSpan returns where a flag stands.
func flagSpan(i *dockerfile.Instruction, name string) dockerfile.Span {
	for _, f := range i.Flags {
		if f.Name == name {
			return f.Span()
		}
	}
	return i.Span
}

func ruleCopyRoot() rule.Rule {
	return rule.Rule{
		Code:     "DL3067",
		Severity: finding.Warning,
		Title:    "Copy what is needed, not the whole file system",
		Why: "COPY --from=build / / brings along the compiler, the sources and whatever secret was in the other stage, " +
			"and writes over the files of this one: two stages then are no better than one.",
		Dockerfile: checkCopyRoot,
	}
}

func checkCopyRoot(p *rule.Pass, d *project.Dockerfile) {
	each(d, func(i *dockerfile.Instruction) {
		from, found := i.Flag("from")
		if !found || len(i.Args) < 2 || strings.Trim(i.Args[len(i.Args)-1].Value.String(), `'"`) != "/" || isMadeForIt(d, from.String()) {
			return
		}
		for _, source := range i.Args[:len(i.Args)-1] {
			if strings.Trim(source.Value.String(), `'"`) == "/" {
				p.Report(d.File, rule.Report{
					At:      source.Span(),
					Message: fmt.Sprintf("all of %q is copied over this stage; name the files that are needed", from.String()),
				})
			}
		}
	}, "COPY")
}

// isMadeForIt says that all of a stage or image is only what is wanted of it: on
// scratch there are only the files that were put there, and xx is documented so.
func isMadeForIt(d *project.Dockerfile, from string) bool {
	image := from
	if s := project.StageNamed(d.Stages, from); s != nil {
		image = s.Base.Name
	}
	return image == "scratch" || image == "tonistiigi/xx" || strings.HasPrefix(image, "tonistiigi/xx:")
}
