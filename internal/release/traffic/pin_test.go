package traffic

import (
	"strings"
	"testing"
	"time"
)

func TestPinToken(t *testing.T) {
	k, now := newKey(), time.Unix(1_800_000_000, 0)
	for _, label := range []string{"r2", "a:b:c", ":", "r2:1800000060"} {
		token := k.pin("a", label, now.Add(time.Minute))
		if got, valid := k.pinned(token, "a", now); !valid || got != label {
			t.Errorf("%q is read as %q, %v", token, got, valid)
		}
		for why, wrong := range map[string]bool{
			"expired":         first(k.pinned(token, "a", now.Add(time.Minute))),
			"another app":     first(k.pinned(token, "b", now)),
			"another key":     first(newKey().pinned(token, "a", now)),
			"another version": first(k.pinned(strings.Replace(token, label, label+"x", 1), "a", now)),
			"later expiry":    first(k.pinned(strings.Replace(token, "1800000060", "1800000061", 1), "a", now)),
			"no signature":    first(k.pinned(label+":1800000060:", "a", now)),
			"cut":             first(k.pinned(token[:len(token)-1], "a", now)),
		} {
			if wrong {
				t.Errorf("%q of %s is valid", token, why)
			}
		}
	}
}

func first(_ string, valid bool) bool { return valid }

func FuzzPinToken(f *testing.F) {
	k, now := key{4, 5, 6}, time.Unix(1_800_000_000, 0)
	f.Add(k.pin("a", "r2", now.Add(time.Hour)))
	f.Add("r2:1800000060:")
	f.Add("::")
	f.Fuzz(func(t *testing.T, token string) {
		label, valid := k.pinned(token, "a", now)
		rest, _, _ := cutLast(token)
		_, expiry, _ := cutLast(rest)
		until, err := time.ParseDuration(expiry + "s")
		if valid && (err != nil || token != k.pin("a", label, time.Unix(0, 0).Add(until))) {
			t.Errorf("%q is valid and was never made", token)
		}
	})
}
