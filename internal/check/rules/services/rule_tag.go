package services

import (
	"fmt"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleTag() rule.Rule {
	return rule.Rule{
		Code:     "GO429",
		Severity: finding.Warning,
		Title:    "Name the version of an image",
		Why: "latest is whatever was pushed last, and what each machine pulled when it first asked: " +
			"the same file runs another database here than there, and a major version comes by itself.",
		Compose: each(checkTag),
	}
}

func checkTag(p *rule.Pass, c *project.Compose, s *compose.Service) {
	ref, known := image(s)
	if !known || ref.digest || ref.tag != "" && ref.tag != "latest" || built(c, ref) {
		return
	}
	message := fmt.Sprintf("%s has no tag, so that every machine may run another image; name the version", s.Image.Target().Text)
	if ref.tag == "latest" {
		message = fmt.Sprintf("%s is another image from one day to the next; name the version", s.Image.Target().Text)
	}
	report(p, c, s.Image, message)
}

// built says that a service of the file builds the image.
func built(c *project.Compose, ref reference) bool {
	for _, s := range c.AST.Services {
		if s.Build == nil || s.Image == nil {
			continue
		}
		text, known := s.Image.Constant()
		if !known || parseReference(text).name == ref.name {
			return true
		}
	}
	return false
}
