package rule

import "strings"

// longestName is how long a name is that is looked at.
const longestName = 64

// Nearest returns the one of some names that another may have been meant to be:
// the first of those that differ least, without regard to case. In a short name
// one letter may be wrong, in a longer one two. It is empty when there is none.
func Nearest(name string, names []string) string {
	best, distance := "", 1+mistakes(len(name))
	for _, known := range names {
		if d := edits(strings.ToUpper(name), strings.ToUpper(known)); d < distance {
			best, distance = known, d
		}
	}
	return best
}

func mistakes(length int) int {
	switch {
	case length < 2:
		return 0
	case length < 8:
		return 1
	}
	return 2
}

// edits counts the letters to add, take away, change or exchange with the next
// one to get from a to b (optimal string alignment).
func edits(a, b string) int {
	if len(a) > longestName || len(b) > longestName {
		return longestName
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
