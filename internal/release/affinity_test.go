package release_test

import (
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/release"
)

func TestAffinityIsReadStrictly(t *testing.T) {
	for text, header := range map[string]string{
		"cookie": "", "client-ip": "", "header:x-user-id": "X-User-Id", "header:Authorization": "Authorization",
	} {
		var a release.Affinity
		if err := a.UnmarshalText([]byte(text)); err != nil || string(a) != text {
			t.Errorf("%s: %q, %v", text, a, err)
		}
		if name, by := a.Header(); name != header || by != (header != "") {
			t.Errorf("%s: header %q, %v", text, name, by)
		}
	}
	var none release.Affinity = "cookie"
	if err := none.UnmarshalText([]byte("none")); err != nil || none != release.NoAffinity {
		t.Errorf("none: %q, %v", none, err)
	}
	for text, say := range map[string]string{
		"Cookie": "none, cookie", "header": "header:NAME", "header:": "header:NAME", "header:a b": "header:NAME",
		"header:Cookie": "says who asks", "header:x-forwarded-for": "says who asks", "header:x-request-id": "says who asks",
		"header:X-Davit-Version": "says who asks", "header:traceparent": "says who asks", "cookie\n": "none, cookie",
	} {
		var a release.Affinity
		if err := a.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), say) || a != "" {
			t.Errorf("%q: %q, %v, want an error with %q", text, a, err, say)
		}
	}
}
