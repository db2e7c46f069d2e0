package dockerfile

import "sort"

// Text is a string that knows where in the source each of its bytes stands,
// also when they do not stand side by side there: the text of an instruction
// that goes over several lines, or a word with variables put in.
type Text struct {
	s    string
	at   int   // where s begins in the coordinates of more
	src  int   // offset in the source of the first byte
	more []run // the runs after the first, shared between slices of one text
}

// run is a row of bytes that stand side by side in the source as well.
type run struct{ at, src int }

// String returns the text alone.
func (t Text) String() string { return t.s }

// Len returns the number of bytes.
func (t Text) Len() int { return len(t.s) }

// Offset returns where in the source byte i of the text stands.
func (t Text) Offset(i int) int {
	at := t.at + i
	k := sort.Search(len(t.more), func(k int) bool { return t.more[k].at > at })
	if k == 0 {
		return t.src + i
	}
	return t.more[k-1].src + at - t.more[k-1].at
}

// Slice returns bytes i up to, but not including, j.
func (t Text) Slice(i, j int) Text {
	at := t.at + i
	k := sort.Search(len(t.more), func(k int) bool { return t.more[k].at > at })
	out := Text{s: t.s[i:j], at: at, src: t.src + i, more: t.more[k:]}
	if k > 0 {
		out.src = t.more[k-1].src + at - t.more[k-1].at
	}
	return out
}

// Span returns the part of the source from the first byte of the text to its
// last, with everything in between.
func (t Text) Span() Span {
	if len(t.s) == 0 {
		return Span{t.src, t.src}
	}
	return Span{t.src, t.Offset(len(t.s)-1) + 1}
}

// Contiguous says that the bytes of the text stand side by side in the source,
// so that writing over Span changes the text and nothing else.
func (t Text) Contiguous() bool {
	return len(t.more) == 0 || t.more[0].at >= t.at+len(t.s)
}

// textBuilder puts a text together out of pieces of the source.
type textBuilder struct {
	b    []byte
	runs []run
}

func (b *textBuilder) add(s string, src int) {
	if s == "" {
		return
	}
	last := len(b.runs) - 1
	if last < 0 || b.runs[last].src+len(b.b)-b.runs[last].at != src {
		b.runs = append(b.runs, run{at: len(b.b), src: src})
	}
	b.b = append(b.b, s...)
}

func (b *textBuilder) addText(t Text) {
	from, src := t.at, t.src
	for _, r := range t.more {
		if r.at >= t.at+len(t.s) {
			break
		}
		b.add(t.s[from-t.at:r.at-t.at], src)
		from, src = r.at, r.src
	}
	b.add(t.s[from-t.at:], src)
}

// text returns what was put together; empty, it stands at offset at.
func (b *textBuilder) text(at int) Text {
	if len(b.runs) == 0 {
		return Text{src: at}
	}
	return Text{s: string(b.b), src: b.runs[0].src, more: b.runs[1:]}
}
