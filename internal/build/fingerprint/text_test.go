package fingerprint

import (
	"crypto/sha256"
	"testing"
)

// FuzzRecord: whatever a record holds, it is read without harm; one that is in
// order is written so that it is read as the same; and one in which a byte is
// another is not fresh.
func FuzzRecord(f *testing.F) {
	const meta = "/a sum  ;HOME=x;"
	f.Add("", 3, byte(1))
	f.Add(meta, 1, byte(1))
	f.Add(meta+"p 0 /nowhere ;", 40, byte(7))
	f.Add(meta+"c 0 /a%20b%0A sum head 1 2 3 4 r;t 3 sum x y;", 0, byte(1))
	f.Add(meta+"p 99 /x ;", 2, byte(255))
	f.Add("/  %zz ;;n 0 / s  - 1 1 1 ;", 2, byte(255))
	f.Fuzz(func(t *testing.T, body string, at int, by byte) {
		sum := sha256.Sum256([]byte(body))
		var r Record
		if err := r.UnmarshalText([]byte(recordVersion + " " + encode(sum[:]) + ";" + body)); err != nil {
			t.Fatal(err)
		}
		if !r.whole {
			return
		}
		whole, err := r.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var again Record
		if err := again.UnmarshalText(whole); err != nil || !again.whole || len(again.states) != len(r.states) {
			t.Fatalf("%q is written as %q", body, whole)
		}
		if twice, _ := again.MarshalText(); string(twice) != string(whole) {
			t.Errorf("%q is written as %q, and then as %q", body, whole, twice)
		}
		if by == 0 || at < 0 || at >= len(whole) {
			return
		}
		whole[at] ^= by
		if _ = again.UnmarshalText(whole); again.whole {
			t.Errorf("%q was damaged at %d, and is taken as whole", whole, at)
		}
	})
}
