package render

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// fingerprints returns for each finding what it is known by in other versions of
// the files: the rule, the file, the message and the text of the line, but not
// where that line stands. Those that have all of it in common are numbered.
func (r Report) fingerprints() []string {
	out := make([]string, len(r.Findings))
	count := map[string]int{}
	for i, f := range r.Findings {
		same := strings.Join([]string{f.Code, r.path(f.File), f.Message, strings.TrimSpace(r.line(f.File, f.Line))}, "\x00")
		sum := sha256.Sum256([]byte(same + "\x00" + strconv.Itoa(count[same])))
		count[same]++
		out[i] = hex.EncodeToString(sum[:16])
	}
	return out
}
