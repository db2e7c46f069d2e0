package fix

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Diff returns the changes as a unified diff that `patch -p1` and `git apply`
// take in the project's root.
func (c Changes) Diff() []byte {
	var out bytes.Buffer
	for _, change := range c.Files {
		before := diffName("a/" + change.Path)
		if change.New {
			before = "/dev/null"
		}
		fmt.Fprintf(&out, "--- %s\n+++ %s\n", before, diffName("b/"+change.Path))
		writeHunks(&out, compareLines(splitLines(change.Before), splitLines(change.After)))
	}
	return out.Bytes()
}

// diffName quotes names as git does; a tab ends a name with a space in it.
func diffName(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return octal(strconv.Quote(name))
	}
	if strings.Contains(name, " ") {
		return name + "\t"
	}
	return name
}

// octal writes what is not ASCII in a quoted name byte by byte in base 8; the
// rest of Go's quoting is that of C.
func octal(quoted string) string {
	plain, err := strconv.Unquote(quoted)
	if err != nil {
		return quoted
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(plain) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// splitLines splits after each newline; the last line may be without.
func splitLines(source []byte) []string {
	lines := strings.SplitAfter(string(source), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// diffLine is a line of a diff: ' ' in both, '-' before only, '+' after only.
type diffLine struct {
	mark byte
	text string
}

// mostEdits bounds the work of the comparison. Files that differ in more lines
// are shown as replaced as a whole between the lines that they begin and end
// with alike.
const mostEdits = 1000

func compareLines(a, b []string) []diffLine {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	lines := mark(nil, ' ', a[:head])
	lines = append(lines, shortest(a[head:len(a)-tail], b[head:len(b)-tail])...)
	return mark(lines, ' ', a[len(a)-tail:])
}

func mark(lines []diffLine, with byte, texts []string) []diffLine {
	for _, text := range texts {
		lines = append(lines, diffLine{with, text})
	}
	return lines
}

// shortest finds a shortest edit script: E. W. Myers, "An O(ND) difference
// algorithm and its variations", Algorithmica 1 (1986), the greedy algorithm
// of section 2, with the furthest points of each step kept for the way back.
func shortest(a, b []string) []diffLine {
	limit := min(len(a)+len(b), mostEdits)
	furthest := make([]int, 2*limit+3)
	var steps [][]int
	for d := 0; d <= limit; d++ {
		steps = append(steps, append([]int(nil), furthest[limit+1-d:limit+2+d]...))
		for k := -d; k <= d; k += 2 {
			at := limit + 1 + k
			x := furthest[at-1] + 1
			if k == -d || k != d && furthest[at-1] < furthest[at+1] {
				x = furthest[at+1]
			}
			for x < len(a) && x-k < len(b) && x-k >= 0 && a[x] == b[x-k] {
				x++
			}
			furthest[at] = x
			if x >= len(a) && x-k >= len(b) {
				return backtrack(a, b, steps)
			}
		}
	}
	return mark(mark(nil, '-', a), '+', b)
}

// backtrack follows the steps back from the end of both files.
func backtrack(a, b []string, steps [][]int) []diffLine {
	var lines []diffLine
	x, y := len(a), len(b)
	for d := len(steps) - 1; d > 0; d-- {
		before := func(k int) int { return steps[d][k+d] }
		k := x - y
		from := k - 1
		if k == -d || k != d && before(k-1) < before(k+1) {
			from = k + 1
		}
		startX := before(from)
		startY := startX - from
		for x > startX && y > startY {
			x, y = x-1, y-1
			lines = append(lines, diffLine{' ', a[x]})
		}
		if x == startX {
			lines = append(lines, diffLine{'+', b[startY]})
		} else {
			lines = append(lines, diffLine{'-', a[startX]})
		}
		x, y = startX, startY
	}
	for ; x > 0; x-- {
		lines = append(lines, diffLine{' ', a[x-1]})
	}
	slices.Reverse(lines)
	return lines
}

// diffContext is how many lines that did not change surround those that did.
const diffContext = 3

func writeHunks(out *bytes.Buffer, lines []diffLine) {
	oldLine, newLine := 1, 1 // of lines[at]
	for at := 0; at < len(lines); {
		first := nextChange(lines, at)
		if first == len(lines) {
			return
		}
		start := max(at, first-diffContext)
		oldLine, newLine = oldLine+start-at, newLine+start-at
		end := hunkEnd(lines, first)
		oldCount, newCount := countLines(lines[start:end])
		fmt.Fprintf(out, "@@ -%s +%s @@\n", hunkRange(oldLine, oldCount), hunkRange(newLine, newCount))
		for _, l := range lines[start:end] {
			out.WriteByte(l.mark)
			out.WriteString(l.text)
			if !strings.HasSuffix(l.text, "\n") {
				out.WriteString("\n\\ No newline at end of file\n")
			}
		}
		oldLine, newLine, at = oldLine+oldCount, newLine+newCount, end
	}
}

func nextChange(lines []diffLine, from int) int {
	for from < len(lines) && lines[from].mark == ' ' {
		from++
	}
	return from
}

// hunkEnd returns where the hunk ends whose first change is given: where no
// change follows within the context of two hunks.
func hunkEnd(lines []diffLine, change int) int {
	for {
		end := change
		for end < len(lines) && lines[end].mark != ' ' {
			end++
		}
		change = nextChange(lines, end)
		if change == len(lines) || change-end > 2*diffContext {
			return min(end+diffContext, len(lines))
		}
	}
}

func countLines(lines []diffLine) (before, after int) {
	for _, l := range lines {
		if l.mark != '+' {
			before++
		}
		if l.mark != '-' {
			after++
		}
	}
	return before, after
}

// hunkRange names no line by the one before it.
func hunkRange(start, count int) string {
	if count == 0 {
		start--
	}
	return strconv.Itoa(start) + "," + strconv.Itoa(count)
}
