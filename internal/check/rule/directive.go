package rule

import (
	"slices"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// BuildKit's own checks are switched off, or made errors, by a directive at the
// top of the file, and switched off for one instruction by the same words in a
// comment above it (docs.docker.com/build/checks, "Skip checks"):
//
//	# check=skip=StageNameCasing,FromAsCasing;error=true

// directive reads the value of a check directive. What it skips goes to skipped.
func (s Set) directive(value string, p *pragmas, skipped *[]string) {
	for option := range strings.SplitSeq(value, ";") {
		key, value, _ := strings.Cut(option, "=")
		switch strings.TrimSpace(key) {
		case "skip":
			*skipped = append(*skipped, s.checks(value)...)
		case "experimental":
			p.enabled = append(p.enabled, s.checks(value)...)
		case "error":
			if on, err := strconv.ParseBool(strings.TrimSpace(value)); err == nil && on {
				p.strict = s.checks(everything)
			}
		}
	}
}

// localDirective reads a comment that skips checks for the instruction below it.
// What is behind the first space is the reason.
func (s Set) localDirective(f *dockerfile.File, offset int, comment string, p *pragmas) {
	key, value, _ := strings.Cut(strings.TrimPrefix(comment, "#"), "=")
	if strings.TrimSpace(key) != "check" {
		return
	}
	value, _, _ = strings.Cut(strings.TrimSpace(value), " ")
	var here ignored
	s.directive(value, &pragmas{}, &here.codes)
	if span, found := owner(f, offset); found && len(here.codes) > 0 {
		here.Span = span
		p.local = append(p.local, here)
	}
}

// checks returns the codes of the rules that a list names, or of all that have
// the name of a check of BuildKit's.
func (s Set) checks(list string) []string {
	names := strings.Split(list, ",")
	if strings.TrimSpace(list) == everything {
		names = buildkitChecks()
	}
	var codes []string
	for _, name := range names {
		if name = strings.TrimSpace(name); slices.Contains(buildkitChecks(), name) {
			codes = append(codes, s.codes(name)...)
		}
	}
	return codes
}

// buildkitChecks are the names on docs.docker.com/reference/build-checks.
func buildkitChecks() []string {
	return []string{
		"StageNameCasing", "FromAsCasing", "NoEmptyContinuation", "ConsistentInstructionCasing", "DuplicateStageName",
		"ReservedStageName", "JSONArgsRecommended", "MaintainerDeprecated", "UndefinedArgInFrom", "WorkdirRelativePath",
		"UndefinedVar", "MultipleInstructionsDisallowed", "LegacyKeyValueFormat", "InvalidBaseImagePlatform",
		"RedundantTargetPlatform", "SecretsUsedInArgOrEnv", "InvalidDefaultArgInFrom", "FromPlatformFlagConstDisallowed",
		"CopyIgnoredFile", "InvalidDefinitionDescription", "ExposeProtoCasing", "ExposeInvalidFormat",
	}
}
