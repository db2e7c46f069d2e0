package project

import (
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// shellComments are the comments that say which shell reads the shell form from
// there on, since the base image sets it and the Dockerfile does not:
//
//	# hadolint shell=powershell
//
// They hold up to the next FROM; above a FROM they are for its stage.
type shellComments []shellComment

type shellComment struct {
	at    int // offset
	shell []string
}

func readShellComments(f *dockerfile.File) shellComments {
	var out shellComments
	for _, token := range f.Tokens {
		if token.Kind != dockerfile.Comment {
			continue
		}
		head, value, found := strings.Cut(f.Source[token.Start:token.End], "=")
		words, shell := strings.Fields(strings.TrimPrefix(head, "#")), strings.Fields(value)
		if !found || len(words) != 2 || words[1] != "shell" || len(shell) == 0 {
			continue
		}
		if words[0] == "hadolint" || words[0] == "davit" {
			out = append(out, shellComment{token.Start, []string{shell[0], "-c"}})
		}
	}
	return out
}

// before takes the comments before an offset and returns what the last of them
// says, or the shell that it is given.
func (c *shellComments) before(offset int, shell []string) []string {
	for len(*c) > 0 && (*c)[0].at < offset {
		shell = (*c)[0].shell
		*c = (*c)[1:]
	}
	return shell
}
