package dockerfile

import (
	"fmt"
	"strings"
)

// validate says what BuildKit would refuse of an instruction by its form
// alone. Nothing here depends on another instruction.
func (f *File) validate(i *Instruction) {
	if i.Trigger != nil {
		f.validate(i.Trigger)
	}
	if _, _, known := form(i.Name); !known {
		f.fail(i.Keyword.Span(), fmt.Sprintf("%q is not an instruction", clip(i.Keyword.s)))
		return
	}
	if i.Rest.s == "" && i.Name != "CMD" && i.Name != "ENTRYPOINT" && i.Name != "RUN" {
		f.fail(i.Span, i.Name+" needs an argument")
		return
	}
	f.validateArguments(i)
}

func (f *File) validateArguments(i *Instruction) {
	switch i.Name {
	case "FROM":
		if len(i.Args) != 1 && (len(i.Args) != 3 || !strings.EqualFold(i.Args[1].s, "AS")) {
			f.fail(i.Span, "FROM takes an image, or an image AS a name")
		}
	case "ADD", "COPY":
		if len(i.Args) < 2 {
			f.fail(i.Span, i.Name+" needs a source and a destination")
		}
	case "SHELL":
		if !i.JSON {
			f.fail(i.Span, "SHELL takes a JSON list")
		}
	case "HEALTHCHECK":
		f.validateHealthcheck(i)
	case "ENV", "LABEL":
		f.validatePairs(i)
	}
}

func (f *File) validateHealthcheck(i *Instruction) {
	cut := strings.IndexAny(i.Rest.s, blanks)
	if cut < 0 {
		cut = i.Rest.Len()
	}
	kind, rest := strings.ToUpper(i.Rest.s[:cut]), strings.Trim(i.Rest.s[cut:], blanks)
	switch {
	case kind == "CMD" && rest == "":
		f.fail(i.Span, "HEALTHCHECK CMD needs a command")
	case kind == "NONE" && rest != "":
		f.fail(i.Span, "HEALTHCHECK NONE takes nothing more")
	case kind != "CMD" && kind != "NONE":
		f.fail(i.Span, "HEALTHCHECK takes CMD and a command, or NONE")
	}
}

func (f *File) validatePairs(i *Instruction) {
	if len(i.Args) == 0 {
		return
	}
	if !strings.Contains(i.Args[0].s, "=") {
		if len(i.Args) < 2 {
			f.fail(i.Span, i.Name+" needs a name and a value")
		}
		return
	}
	for _, word := range i.Args {
		if at := strings.IndexByte(word.s, '='); at <= 0 {
			f.fail(word.Span(), fmt.Sprintf("%q has not the form name=value", clip(word.s)))
		}
	}
}

// clip keeps messages short.
func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
