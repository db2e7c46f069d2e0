package quantity_test

import (
	"encoding"
	"fmt"
	"testing"

	"github.com/davit-dev/davit/internal/x/quantity"
)

func TestSizeReadsBackWhatItWrites(t *testing.T) {
	for text, want := range map[string]int64{
		"256MiB": 256 << 20, "1GiB": 1 << 30, "16MB": 16e6, "1B": 1, "3kB": 3000, "1023KiB": 1023 << 10, "none": 0, "8388607TiB": 8388607 << 40,
	} {
		var s quantity.Size
		if err := s.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if s.Bytes() != want || s.String() != text {
			t.Errorf("%q: got %d, written as %q", text, s.Bytes(), s)
		}
	}
	for text, want := range map[string]string{"1.5GiB": "1536MiB", "1024MiB": "1GiB", "0.5kB": "500B", "1000kB": "1MB"} {
		var s quantity.Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s.String() != want {
			t.Errorf("%q is written as %q, %v", text, s, err)
		}
	}
}

func TestCoresReadBackWhatTheyWrite(t *testing.T) {
	for text, want := range map[string]struct {
		milli int64
		ceil  int
		text  string
	}{
		"0.5": {500, 1, "0.5"}, "500m": {500, 1, "0.5"}, "2": {2000, 2, "2"}, "1.001": {1001, 2, "1.001"}, "10": {10000, 10, "10"},
		"0.010": {10, 1, "0.01"}, "none": {0, 0, "none"}, "1500m": {1500, 2, "1.5"},
	} {
		var c quantity.Cores
		if err := c.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if c.Milli() != want.milli || c.Ceil() != want.ceil || c.String() != want.text {
			t.Errorf("%q: %d thousandths, %d cores, written as %q", text, c.Milli(), c.Ceil(), c)
		}
	}
}

func TestLimitsRefuse(t *testing.T) {
	for _, text := range []string{
		"", "256", "256M", "256Mi", "256 MiB", "-1MiB", "0B", "0.3B", "1e3MiB", ".5GiB", "1/2GiB", "8388608TiB", "NaNB", "None", "x",
	} {
		var s quantity.Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %v", text, s)
		}
	}
	for _, text := range []string{"", "0", "0m", "0.0001", "-1", "0.5m", "1e3", ".5", "1/2", "1048577", "99999999999999999999m", "None", "x"} {
		var c quantity.Cores
		if err := c.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %v", text, c)
		}
	}
}

// readsBack is the law of all quantities: what is written is read as the same.
func readsBack[T interface {
	comparable
	fmt.Stringer
}, P interface {
	*T
	encoding.TextUnmarshaler
}](t *testing.T, text string) {
	t.Helper()
	var value, again T
	if P(&value).UnmarshalText([]byte(text)) != nil {
		return
	}
	if err := P(&again).UnmarshalText([]byte(value.String())); err != nil || again != value {
		t.Errorf("%q is %v, which is read as %v, %v", text, value, again, err)
	}
}

func FuzzLimits(f *testing.F) {
	for _, seed := range []string{"256MiB", "1.5GiB", "none", "0.5", "500m", "1.001", "8388607TiB", "9223372036854775807B", "1e9", "0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		readsBack[quantity.Size](t, text)
		readsBack[quantity.Cores](t, text)
	})
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"30s", "1h30m", "1.5s", "0", "-0s", "9223372036854775807ns"} {
		f.Add(seed)
	}
	f.Fuzz(readsBack[quantity.Duration])
}
