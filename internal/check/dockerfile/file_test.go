package dockerfile_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// awkward are inputs that a parser of Dockerfiles is likely to get wrong. They
// are also the seeds of the fuzz targets.
var awkward = []string{
	"",
	"\n",
	"FROM scratch",
	"FROM golang:1.26 AS Build\nRUN go build -o /app .\n",
	"\ufeffFROM scratch\r\nCOPY a b\r\n",
	"# syntax=docker/dockerfile:1\n# escape=`\nFROM a\nRUN one `\n  two\nCOPY c:\\x d:\\\n",
	"# escape=x\nFROM a\n",
	"# escape=`\n# escape=`\nFROM a\n",
	"# a comment\n# escape=`\nFROM a\nRUN x `\n",
	"FROM a\nRUN one \\\n# between\n\n   two \\ \t\n\tthree # not a comment\nCMD x",
	"FROM a\nRUN one \\\\\nCMD two\n",
	"FROM a\n\\\nRUN x\n",
	"FROM a\nRUN x \\",
	"FROM a\nRUN <<EOF\necho 1\n# no comment\nEOF\nCOPY <<A <<-\"B\" /x/\na\nA\n\tb\n\tB\nCMD [\"x\"]\n",
	"FROM a\nRUN cat <<EOF > f && cat f\n$x\nEOF\n",
	"FROM a\nRUN <<EOF\nnever ends\n",
	"FROM a\nRUN echo '<<EOF'\nRUN echo \"a <<EOF\nRUN x<<EOF\n",
	"FROM a\nRUN [\"x\", \"<<EOF\"]\nONBUILD RUN <<EOF\nx\nEOF\nONBUILD ONBUILD RUN x\n",
	"FROM a\nENV a=1 b=\"2 3\" c='4 5' d=6\\ 7\nENV old  style value\nENV\nENV x\nLABEL a.b=c\nARG x\nARG y=1 z\n",
	"FROM a\nCOPY --from=b --chown=\"a b\":c x y\nCOPY -- --x y\nADD [\"a b\", \"c\\u0064\\n\", \"d\"]\nADD [1]\nADD [ab c\n",
	"FROM a\x00b\nRUN \xff\xfe\x00\nCOPY \xc2\xa0x y\n",
	"from a\nrun x\nFoo bar\n\v\f\nHEALTHCHECK --interval=1s CMD x\nSHELL [\"a\"]\nSHELL a\n",
	"FROM a AS b c\nFROM\nFROM x IS y\n",
	"FROM a\rRUN b\r\r\nRUN c \\\r\n d\n",
	"ARG V=1.2\nARG W=${V}-x\nFROM golang:${V:-3}$W AS b\nFROM ${U:-b}\nENV a=$a$a b=${a#x}\n",
}

func TestTokensAreTheFile(t *testing.T) {
	for _, source := range awkward {
		checkTiling(t, []byte(source))
	}
}

// checkTiling holds the law of the package: the tokens stand side by side, and
// every text that a node holds is at the place that it says.
func checkTiling(t *testing.T, source []byte) {
	t.Helper()
	f := dockerfile.Parse(source)
	at := 0
	for _, token := range f.Tokens {
		if token.Start != at || token.End <= token.Start {
			t.Fatalf("%q: token %+v does not begin at %d", source, token, at)
		}
		at = token.End
	}
	if printed := f.Print(); !bytes.Equal(printed, source) {
		t.Fatalf("printed %q, read %q", printed, source)
	}
	for _, i := range f.Instructions {
		checkInstruction(t, f, i)
	}
	for _, e := range f.Errors {
		checkSpan(t, f, e.Span)
	}
	exercise(f)
}

func checkInstruction(t *testing.T, f *dockerfile.File, i *dockerfile.Instruction) {
	t.Helper()
	checkSpan(t, f, i.Span)
	checkSpan(t, f, i.Whole(f))
	checkText(t, f, i.Keyword)
	checkText(t, f, i.Rest)
	for _, flag := range i.Flags {
		checkText(t, f, flag.Text)
	}
	end := i.Start
	for _, word := range i.Args {
		checkText(t, f, word.Text)
		if span := word.Span(); span.Start < end || span.End > i.End {
			t.Fatalf("word %q at %v is out of place in %v", word.String(), span, i.Span)
		}
		end = word.Span().End
	}
	if i.Trigger != nil {
		checkInstruction(t, f, i.Trigger)
	}
}

func checkText(t *testing.T, f *dockerfile.File, text dockerfile.Text) {
	t.Helper()
	checkSpan(t, f, text.Span())
	for i := range text.Len() {
		if f.Source[text.Offset(i)] != text.String()[i] {
			t.Fatalf("byte %d of %q is not at %d in %q", i, text.String(), text.Offset(i), f.Source)
		}
	}
	if span := text.Span(); text.Contiguous() && f.Source[span.Start:span.End] != text.String() {
		t.Fatalf("%q is said to be contiguous in %q", text.String(), f.Source)
	}
}

func checkSpan(t *testing.T, f *dockerfile.File, span dockerfile.Span) {
	t.Helper()
	if span.Start < 0 || span.Start > span.End || span.End > len(f.Source) {
		t.Fatalf("span %v of %d bytes", span, len(f.Source))
	}
	position := f.Position(span.Start)
	if _, start := f.Line(position.Line); start+position.Column-1 != span.Start {
		t.Fatalf("offset %d is not at %v", span.Start, position)
	}
}

// exercise calls what is computed on demand.
func exercise(f *dockerfile.File) (commands int) {
	for _, stage := range f.Stages() {
		scope := stage.Scope(nil)
		for _, i := range stage.Instructions {
			scope.Apply(i)
			for _, c := range f.Commands(i, scope) {
				commands++
				_ = f.Source[c.Start:c.End]
				for _, a := range c.Args {
					_ = f.Source[a.Start:a.End]
				}
			}
		}
	}
	return commands
}

func FuzzParse(f *testing.F) {
	for _, source := range awkward {
		f.Add([]byte(source))
	}
	f.Fuzz(checkTiling)
}

// FuzzAgainstBuildKit compares with BuildKit's own parser: what it reads we
// read as the same instructions on the same lines, with the same flags, list
// form and heredocs, and without an error that it does not know.
func FuzzAgainstBuildKit(f *testing.F) {
	for _, source := range awkward {
		f.Add([]byte(source))
	}
	f.Fuzz(compare)
}

func compare(t *testing.T, source []byte) {
	isForeign := func(r rune) bool { return r == 0 || r > unicode.MaxASCII }
	text := strings.TrimPrefix(string(source), "\ufeff")
	if strings.ContainsFunc(text, isForeign) || strings.Contains(text, "${") {
		// BuildKit takes single bytes of longer characters for white space, and
		// finds no heredocs in a line with a bad ${.
		return
	}
	theirs, err := parser.Parse(bytes.NewReader(source))
	ours := dockerfile.Parse(source)
	if err != nil {
		if len(ours.Errors) == 0 {
			t.Fatalf("%q: BuildKit says %v, we say nothing", source, err)
		}
		return
	}
	var got, want []instruction
	for _, i := range ours.Instructions {
		got = append(got, describe(ours, i))
	}
	for _, n := range theirs.AST.Children {
		want = append(want, theirView(n))
	}
	if strings.ContainsAny(text, "'\"\\`") {
		for _, list := range [][]instruction{got, want} {
			for k := range list {
				list[k].flags = nil // those with quotes that have no end are dropped there
			}
		}
	}
	if !slices.EqualFunc(got, want, instruction.equal) {
		t.Fatalf("%q:\n we %+v\nthey %+v", source, got, want)
	}
}

type instruction struct {
	from, to int // lines; BuildKit's begin with an empty continuation
	name     string
	flags    []string
	json     bool
	heredocs []string
}

func (a instruction) equal(b instruction) bool {
	return b.from <= a.from && a.to <= b.to && a.name == b.name && slices.Equal(a.flags, b.flags) &&
		a.json == b.json && slices.Equal(a.heredocs, b.heredocs)
}

func describe(f *dockerfile.File, i *dockerfile.Instruction) instruction {
	line := f.Position(i.Start).Line
	out := instruction{from: line, to: line, name: i.Keyword.String(), json: i.JSON}
	for _, flag := range i.Flags {
		name := "--" + flag.Name
		if strings.Contains(flag.String(), "=") {
			name += "=" + flag.Value.String()
		}
		out.flags = append(out.flags, name)
	}
	for _, doc := range i.Heredocs {
		out.heredocs = append(out.heredocs, doc.Name+"\n"+f.Source[doc.Start:doc.Span.End])
	}
	return out
}

func theirView(n *parser.Node) instruction {
	out := instruction{from: n.StartLine, to: n.EndLine, name: n.Value, flags: n.Flags, json: n.Attributes["json"]}
	if strings.EqualFold(n.Value, "HEALTHCHECK") {
		out.json = false // there it is about what follows CMD
	}
	for _, doc := range n.Heredocs {
		out.heredocs = append(out.heredocs, doc.Name+"\n"+doc.Content)
	}
	return out
}

// TestParseIsLinear reads as many instructions as are read, and the largest file
// in each of the shapes that make a parser slow.
func TestParseIsLinear(t *testing.T) {
	const size = 1<<20 - 64
	shapes := map[string]string{
		"instructions": strings.Repeat("RUN go build -o /app ./cmd/app && echo 'done and dusted' | tee /dev/null >> /x/log/of/building\n", 10_000),
		"one line":     "ENV " + strings.Repeat("a=b ", size/4),
		"continued":    "RUN a" + strings.Repeat(" \\\n b", size/5),
		"heredocs":     "RUN " + strings.Repeat("<<A ", size/4) + "\n",
		"quotes":       "ENV " + strings.Repeat("a='b' ", size/6),
		"variables":    "FROM " + strings.Repeat("${a:-", size/6) + strings.Repeat("}", size/6),
		"flags":        "COPY " + strings.Repeat("--a=b ", size/6),
		"onbuild":      strings.Repeat("ONBUILD ", size/8),
		"json":         "RUN [" + strings.Repeat(`"a",`, size/4) + `"b"]`,
		"brackets":     "RUN " + strings.Repeat("[", size),
		"shell":        "FROM a\nRUN " + strings.Repeat("$(", size/2),
		"double":       "FROM a\nENV a=aa\n" + strings.Repeat("ENV a=$a$a\n", size/11),
	}
	for name, source := range shapes {
		t.Run(name, func(t *testing.T) { // what is quadratic takes minutes
			f := dockerfile.Parse([]byte(source))
			if len(f.Instructions) == 0 {
				t.Fatalf("nothing is read: %v", f.Errors)
			}
			exercise(f)
			if string(f.Print()) != source {
				t.Error("printed is not what was read")
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	source := []byte(strings.Repeat("RUN go build -o /app ./cmd/app && echo 'done and dusted' | tee /dev/null >> /x/log/of/building\n", 10_000))
	b.SetBytes(int64(len(source)))
	for b.Loop() {
		dockerfile.Parse(source)
	}
}
