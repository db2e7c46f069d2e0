package dockerfile

import "strings"

// Instruction is an instruction with all the lines that belong to it.
type Instruction struct {
	Span            // from the keyword to the last argument, without line end and heredocs
	Name     string // the keyword in upper case
	Keyword  Text   // as it was written
	Flags    []Flag // --from=build and the like, before the arguments
	Rest     Text   // everything after the flags, without white space at both ends
	Args     []Word // Rest in words; none for the shell form of RUN, CMD, ENTRYPOINT, HEALTHCHECK
	JSON     bool   // the arguments are a JSON list: the exec form
	Heredocs []Heredoc
	Trigger  *Instruction // what an ONBUILD holds
}

// Flag is an option of an instruction.
type Flag struct {
	Text         // as it was written
	Name  string // without --
	Value Text   // without quotes; empty for a flag without value
}

// Word is an argument.
type Word struct {
	Text       // as it was written
	Value Text // without quotes and escapes; variables are still there
}

// How the arguments of an instruction are put in words.
const (
	shellForm  = iota // not at all: a shell reads them
	listForm          // separated by white space
	pairsForm         // name=value, quotes keep white space together
	stringForm        // one argument, with white space in it
)

// form tells how an instruction's arguments are read and whether they may be a
// JSON list. The instructions and their arguments: docs.docker.com/reference/dockerfile.
func form(name string) (form int, list, known bool) {
	switch name {
	case "ADD", "COPY", "VOLUME":
		return listForm, true, true
	case "EXPOSE", "FROM":
		return listForm, false, true
	case "ARG", "ENV", "LABEL":
		return pairsForm, false, true
	case "MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR":
		return stringForm, false, true
	case "CMD", "ENTRYPOINT", "RUN", "SHELL":
		return shellForm, true, true
	case "HEALTHCHECK", "ONBUILD":
		return shellForm, false, true
	}
	return shellForm, false, false
}

// Flag returns the value of a flag.
func (i *Instruction) Flag(name string) (Text, bool) {
	for _, f := range i.Flags {
		if f.Name == name {
			return f.Value, true
		}
	}
	return Text{}, false
}

// Whole returns the part of the source that the instruction takes up with its
// heredocs, without the line end of its last line.
func (i *Instruction) Whole(f *File) Span {
	end := i.End
	for _, doc := range i.Heredocs {
		end = doc.End.Start + len(strings.TrimRight(f.Source[doc.End.Start:doc.End.End], "\r\n"))
	}
	return Span{i.Start, end}
}

// assemble reads the logical line of an instruction and takes its heredocs.
func (f *File) assemble(text Text, s *scanner) {
	i := f.read(text)
	f.Instructions = append(f.Instructions, i)
	holder := i
	if i.Trigger != nil {
		holder = i.Trigger
	}
	if canHold(holder) && strings.Contains(text.s, "<<") {
		i.Heredocs = s.heredocs(text)
		holder.Heredocs = i.Heredocs
	}
	f.validate(i)
}

func canHold(i *Instruction) bool {
	return (i.Name == "RUN" || i.Name == "COPY" || i.Name == "ADD") && !i.JSON
}

func (f *File) read(text Text) *Instruction {
	text = trim(text)
	cut := strings.IndexAny(text.s, blanks)
	if cut < 0 {
		cut = len(text.s)
	}
	i := &Instruction{Span: text.Span(), Keyword: text.Slice(0, cut)}
	i.Name = strings.ToUpper(i.Keyword.s)
	f.flags(i, text.Slice(cut, len(text.s)))
	f.arguments(i)
	return i
}

// flags takes the words that begin with -- from the beginning of the text; a
// word that is -- alone ends them.
func (f *File) flags(i *Instruction, text Text) {
	text = trim(text)
	for strings.HasPrefix(text.s, "--") {
		end := wordEnd(text.s, f.Escape)
		word := text.Slice(0, end)
		text = trim(text.Slice(end, len(text.s)))
		if word.s == "--" {
			break
		}
		name, value, _ := strings.Cut(word.s[2:], "=")
		raw := word.Slice(len(word.s)-len(value), len(word.s))
		i.Flags = append(i.Flags, Flag{Text: word, Name: name, Value: Expand(raw, f.Escape, nil).Text})
	}
	i.Rest = text
}

func (f *File) arguments(i *Instruction) {
	form, list, _ := form(i.Name)
	if list && strings.HasPrefix(i.Rest.s, "[") && f.jsonList(i) {
		return
	}
	switch form {
	case listForm:
		i.Args = f.words(i.Rest, func(s string) int { return strings.IndexAny(s, blanks) })
	case pairsForm:
		i.Args = f.words(i.Rest, func(s string) int { return wordEnd(s, f.Escape) })
	case stringForm:
		if i.Rest.s != "" {
			i.Args = []Word{f.word(i.Rest)}
		}
	}
	if i.Name == "ONBUILD" && i.Rest.s != "" {
		f.trigger(i)
	}
}

// trigger reads what an ONBUILD holds; BuildKit does not allow another ONBUILD there.
func (f *File) trigger(i *Instruction) {
	first := i.Rest.s
	if cut := strings.IndexAny(first, blanks); cut >= 0 {
		first = first[:cut]
	}
	if strings.EqualFold(first, "ONBUILD") {
		f.fail(i.Span, "ONBUILD cannot hold another ONBUILD")
		return
	}
	i.Trigger = f.read(i.Rest)
}

// words splits a text; end says where the word at the beginning of a string
// ends (below zero: with the string).
func (f *File) words(text Text, end func(string) int) []Word {
	var words []Word
	for at := 0; at < len(text.s); {
		skipped := len(text.s[at:]) - len(strings.TrimLeft(text.s[at:], blanks))
		if at += skipped; at == len(text.s) {
			break
		}
		n := end(text.s[at:])
		if n < 0 {
			n = len(text.s) - at
		}
		words = append(words, f.word(text.Slice(at, at+n)))
		at += n
	}
	return words
}

func (f *File) word(raw Text) Word {
	if !strings.ContainsAny(raw.s, `'"`) && strings.IndexByte(raw.s, f.Escape) < 0 {
		return Word{Text: raw, Value: raw}
	}
	return Word{Text: raw, Value: Expand(raw, f.Escape, nil).Text}
}
