package fingerprint

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strconv"
	"strings"
)

// A record is kept as lines that end with ";", so that JSON has nothing to
// escape: it is read each time that nothing is to be done, and may hold
// thousands. The first line is the version and a sum of all that follows. Paths
// say how much of the one before they begin with.
//
//	3 sum;
//	dir asked go outside;
//	variable …;
//	kind shared path sum file …;                               (stamped, cached, present)
//	kind shared path sum head size modified changed inode racy; (others)

// recordVersion changes with anything that a record of an older davit would say
// wrongly.
const recordVersion = "3"

// MarshalText implements encoding.TextMarshaler.
func (r Record) MarshalText() ([]byte, error) {
	w := writer{}
	w.line(r.dir, r.asked, r.goPath, r.outside)
	w.line(r.ambient...)
	last := ""
	for _, s := range r.states {
		shared := 0
		for shared < min(len(last), len(s.path)) && last[shared] == s.path[shared] {
			shared++
		}
		last = s.path
		w.state(s, shared)
	}
	if !r.whole {
		w.text.Reset()
	}
	body := w.text.Bytes()
	sum := sha256.Sum256(body)
	return append([]byte(recordVersion+" "+encode(sum[:])+";"), body...), nil
}

type writer struct{ text bytes.Buffer }

func (w *writer) state(s state, shared int) {
	fields := []string{string(s.kind), strconv.Itoa(shared), s.path[shared:], s.sum}
	if !s.hasStamp() {
		w.line(append(fields, s.files...)...)
		return
	}
	racy := ""
	if s.racy {
		racy = "r"
	}
	w.line(append(fields, s.head, strconv.FormatInt(s.stamp.size, 10), strconv.FormatInt(s.stamp.modified, 10),
		strconv.FormatInt(s.stamp.changed, 10), strconv.FormatUint(s.stamp.inode, 10), racy)...)
}

func (w *writer) line(fields ...string) {
	for i, field := range fields {
		if i > 0 {
			w.text.WriteByte(' ')
		}
		w.field(field)
	}
	w.text.WriteByte(';')
}

const digits = "0123456789ABCDEF"

func (w *writer) field(text string) {
	for i := range len(text) {
		if b := text[i]; plain(b) {
			w.text.WriteByte(b)
		} else {
			w.text.Write([]byte{'%', digits[b>>4], digits[b&15]})
		}
	}
}

// plain says whether a byte stands for itself, here and in JSON.
func plain(b byte) bool {
	return b > ' ' && b < 0x7f && !strings.ContainsRune(`%;"\<>&`, rune(b))
}

// UnmarshalText implements encoding.TextUnmarshaler. A damaged record is no
// error: it is one that is never fresh.
func (r *Record) UnmarshalText(text []byte) error {
	*r = Record{}
	first, body, _ := strings.Cut(string(text), ";")
	sum := sha256.Sum256([]byte(body))
	if first != recordVersion+" "+encode(sum[:]) {
		return nil
	}
	read, err := parse(body)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	*r = read
	return nil
}

var errDamaged = errors.New("the record of the last build is damaged")

func parse(body string) (Record, error) {
	lines := lines{rest: body}
	meta, ambient := lines.next(), lines.next()
	if len(meta) != 4 || lines.bad {
		return Record{}, errDamaged
	}
	r := Record{whole: true, dir: meta[0], asked: meta[1], goPath: meta[2], outside: meta[3]}
	if r.ambient = ambient; len(ambient) == 1 && ambient[0] == "" {
		r.ambient = []string{}
	}
	r.states = make([]state, 0, strings.Count(lines.rest, ";"))
	last := ""
	for lines.rest != "" {
		s, err := parseState(lines.next(), last)
		if err != nil || lines.bad {
			return Record{}, errDamaged
		}
		last = s.path
		r.states = append(r.states, s)
	}
	return r, nil
}

// lines are read one by one.
type lines struct {
	rest string
	bad  bool
}

func (l *lines) next() []string {
	line, rest, whole := strings.Cut(l.rest, ";")
	l.rest, l.bad = rest, l.bad || !whole
	fields := strings.Split(line, " ")
	if strings.Contains(line, "%") {
		for i := range fields {
			var ok bool
			if fields[i], ok = unescape(fields[i]); !ok {
				l.bad = true
			}
		}
	}
	return fields
}

func unescape(text string) (string, bool) {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "%")
		out.WriteString(before)
		if !found {
			return out.String(), true
		}
		if len(after) < 2 {
			return "", false
		}
		b, err := strconv.ParseUint(after[:2], 16, 8)
		if err != nil {
			return "", false
		}
		out.WriteByte(byte(b))
		text = after[2:]
	}
}

func parseState(fields []string, last string) (state, error) {
	if len(fields) < 4 || len(fields[0]) != 1 {
		return state{}, errDamaged
	}
	shared, err := strconv.Atoi(fields[1])
	if err != nil || shared < 0 || shared > len(last) {
		return state{}, errDamaged
	}
	s := state{kind: kind(fields[0][0]), path: last[:shared] + fields[2], sum: fields[3]}
	fields = fields[4:]
	switch s.kind {
	case present, stamped, cached:
		if len(fields) > 0 {
			s.files = fields
		}
		return s, nil
	case content, header, regular, exact, names, sources, walked:
	default:
		return state{}, errDamaged
	}
	if len(fields) != 6 {
		return state{}, errDamaged
	}
	s.head, s.racy = fields[0], fields[5] == "r"
	var errs [4]error
	s.stamp.size, errs[0] = strconv.ParseInt(fields[1], 10, 64)
	s.stamp.modified, errs[1] = strconv.ParseInt(fields[2], 10, 64)
	s.stamp.changed, errs[2] = strconv.ParseInt(fields[3], 10, 64)
	s.stamp.inode, errs[3] = strconv.ParseUint(fields[4], 10, 64)
	return s, errors.Join(errs[:]...)
}
