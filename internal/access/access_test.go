package access

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// grant makes a token and lets the book know, as the journal would.
func grant(t *testing.T, b *Book, token Token) (Token, string) {
	t.Helper()
	token, shown := Draw(token)
	data, err := json.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), shown[len(prefix)+idLength+1:]) {
		t.Fatalf("the secret is in %s", data)
	}
	if err := b.Apply(KindCreated, data); err != nil {
		t.Fatal(err)
	}
	return token, shown
}

func TestATokenFromCreationToRevocation(t *testing.T) {
	var b Book
	want, shown := grant(t, &b, Token{Name: "ci", Role: Deployer, Apps: []string{"orders"}, Created: noon, Expires: noon.Add(time.Hour)})
	got, err := b.Open(shown, noon)
	if err != nil || got.ID != want.ID || got.Actor() != "token ci ("+want.ID+")" {
		t.Fatalf("%+v, %v", got, err)
	}
	if !got.Covers("orders") || got.Covers("other") || !(Token{}).Covers("other") {
		t.Error("it is for another app")
	}
	var expired *ExpiredError
	if _, err := b.Open(shown, noon.Add(time.Hour)); !errors.As(err, &expired) || !expired.At.Equal(want.Expires) {
		t.Errorf("after its time: %v", err)
	}
	wrong := shown[:len(shown)-1] + string(alphabet[(strings.IndexByte(alphabet, shown[len(shown)-1])+1)%len(alphabet)])
	for _, text := range []string{"", wrong, strings.ToUpper(shown), shown + " ", "davit_" + want.ID + "_", want.ID, "davit__"} {
		if _, err := b.Open(text, noon.Add(time.Hour)); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := b.Apply(KindRevoked, json.RawMessage(`{"id":"`+want.ID+`"}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Open(shown, noon); !errors.Is(err, ErrUnknown) {
		t.Errorf("after it was revoked: %v", err)
	}
}

func TestBookListsTheOldestFirst(t *testing.T) {
	var b Book
	if err := b.Apply("serving", json.RawMessage(`7`)); err != nil || len(b.List()) != 0 {
		t.Errorf("another entry: %v", err)
	}
	for _, kind := range []string{KindCreated, KindRevoked} {
		if b.Apply(kind, json.RawMessage(`{`)) == nil {
			t.Errorf("%s that cannot be read is passed over", kind)
		}
	}
	for _, after := range []time.Duration{2, 1, 3} {
		grant(t, &b, Token{Name: "x", Role: Viewer, Created: noon.Add(after)})
	}
	if list := b.List(); len(list) != 3 || !slices.IsSortedFunc(list, func(x, y Token) int { return x.Created.Compare(y.Created) }) {
		t.Errorf("%+v", list)
	}
}

func TestRolesIncludeThoseBefore(t *testing.T) {
	for _, c := range []struct {
		has, needs Role
		may        bool
	}{
		{Viewer, Viewer, true},
		{Viewer, Deployer, false},
		{Viewer, Admin, false},
		{Deployer, Viewer, true},
		{Deployer, Deployer, true},
		{Deployer, Admin, false},
		{Admin, Viewer, true},
		{Admin, Deployer, true},
		{Admin, Admin, true},
		{"", Viewer, false},
		{"root", Viewer, false},
		{Admin, "", false},
		{"", "", false},
	} {
		if c.has.Includes(c.needs) != c.may {
			t.Errorf("%q includes %q: %v", c.has, c.needs, !c.may)
		}
	}
	if _, err := ParseRole("Admin"); err == nil {
		t.Error("roles are written in small letters")
	}
}

func TestWhatATokenCannotBe(t *testing.T) {
	good := Token{Name: "ci of Jörg", Role: Viewer, Expires: noon.Add(1)}
	if err := good.Validate(noon); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Token){
		"no name":       func(t *Token) { t.Name = "" },
		"two lines":     func(t *Token) { t.Name = "a\nb" },
		"escape":        func(t *Token) { t.Name = "\x1b[2J" },
		"long":          func(t *Token) { t.Name = strings.Repeat("x", maxName+1) },
		"no role":       func(t *Token) { t.Role = "" },
		"too many apps": func(t *Token) { t.Apps = make([]string, maxApps+1) },
		"app":           func(t *Token) { t.Apps = []string{""} },
		"past":          func(t *Token) { t.Expires = noon },
	} {
		bad := good
		change(&bad)
		if bad.Validate(noon) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestWhoShowsManyWrongKeysHasToWait(t *testing.T) {
	var a Attempts
	bad, good := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8:0:1::1")
	for range maxFailures {
		if a.Held(bad, noon) > 0 {
			t.Fatal("held too early")
		}
		a.Failed(bad, noon)
	}
	if got := a.Held(netip.MustParseAddr("2001:db8::2"), noon.Add(time.Second)); got != window-time.Second {
		t.Errorf("its neighbour waits for %v", got)
	}
	if got := a.Held(good, noon); got != 0 {
		t.Errorf("another one waits for %v", got)
	}
	if got := a.Held(bad, noon.Add(window)); got != 0 {
		t.Errorf("after a window it waits for %v", got)
	}
	for n := range maxAddresses + 5 {
		a.Failed(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), noon.Add(window))
	}
	if len(a.failed) > maxAddresses {
		t.Errorf("%d addresses are remembered", len(a.failed))
	}
}

func TestWhatGoesOnUnderATokenEndsWithIt(t *testing.T) {
	var b Book
	token, _ := grant(t, &b, Token{Name: "ci", Role: Viewer})
	other, _ := grant(t, &b, Token{Name: "other", Role: Viewer})
	held, release := b.Hold(t.Context(), token)
	defer release()
	free, done := b.Hold(t.Context(), token)
	done()
	beside, end := b.Hold(t.Context(), other)
	defer end()
	if held.Err() != nil || free.Err() == nil {
		t.Errorf("%v, %v", held.Err(), free.Err())
	}
	if err := b.Apply(KindRevoked, json.RawMessage(`{"id":"`+token.ID+`"}`)); err != nil {
		t.Fatal(err)
	}
	<-held.Done()
	if beside.Err() != nil {
		t.Error("another token's holder was cut off")
	}
	late, end := b.Hold(t.Context(), token)
	defer end()
	if !errors.Is(context.Cause(late), ErrUnknown) || !errors.Is(context.Cause(held), ErrUnknown) {
		t.Errorf("%v, %v", context.Cause(late), context.Cause(held))
	}
	other.Expires = noon
	past, end := b.Hold(t.Context(), other)
	defer end()
	<-past.Done()
	if _, expired := errors.AsType[*ExpiredError](context.Cause(past)); !expired {
		t.Errorf("%v", context.Cause(past))
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(newKey().String())
	f.Add("davit_aaaaaaaa_")
	f.Add("davit_davit__")
	f.Fuzz(func(t *testing.T, text string) {
		k, ok := parseKey(text)
		if ok && (k.String() != text || !ValidID(k.id) || len(k.secret) != bodyLength) {
			t.Errorf("%q is read as %+v", text, k)
		}
	})
}
