package rule

import "strings"

// mostLetters is how many letters of a name may be wrong for it to be taken for
// another one, and longestName how long a name is that is looked at.
const (
	mostLetters = 2
	longestName = 64
)

// Nearest returns the one of some names that another may have been meant to be:
// the first of those that differ least, without regard to case, and in no more
// than two letters. It is empty when there is none.
func Nearest(name string, names []string) string {
	best, distance := "", min(mostLetters, len(name)/2)+1
	for _, known := range names {
		if d := levenshtein(strings.ToUpper(name), strings.ToUpper(known)); d < distance {
			best, distance = known, d
		}
	}
	return best
}

// levenshtein counts the letters to add, take away or change to get from a to b.
func levenshtein(a, b string) int {
	if len(a) > longestName || len(b) > longestName {
		return longestName
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := last
			if a[i] != b[j] {
				change++
			}
			last = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, change)
		}
	}
	return row[len(b)]
}
