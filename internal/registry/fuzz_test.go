package registry

import (
	"fmt"
	"testing"
	"time"
)

func FuzzContentRange(f *testing.F) {
	f.Add("0-4")
	f.Add("bytes 5-8/9")
	f.Add("-1-5")
	f.Add("9223372036854775807-9223372036854775808")
	f.Fuzz(func(t *testing.T, text string) {
		start, end, err := parseContentRange(text)
		if err != nil {
			return
		}
		if start < 0 || end < start {
			t.Errorf("%q is %d to %d", text, start, end)
		}
		if s, e, err := parseContentRange(fmt.Sprintf("%d-%d", start, end)); err != nil || s != start || e != end {
			t.Errorf("%q came back as %d to %d, %v", text, s, e, err)
		}
	})
}

// FuzzToken forges tokens: none but those that were made say anything.
func FuzzToken(f *testing.F) {
	key, now := newTokenKey("a password"), time.Unix(1_700_000_000, 0)
	mine := key.seal(owner, now.Add(tokenLife))
	f.Add(mine)
	f.Add("write.9999999999.")
	f.Add("write..")
	f.Fuzz(func(t *testing.T, token string) {
		if who := key.open(token, now); (who != nobody) != (token == mine) {
			t.Errorf("%q is of %q", token, who)
		}
		if who := tokenKey(nil).open(token, now); who == owner {
			t.Errorf("without a password %q writes", token)
		}
	})
}
