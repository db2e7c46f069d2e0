package quantity_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/x/quantity"
)

func TestDurationReadsBackWhatItWrites(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "5m": 5 * time.Minute, "1h": time.Hour,
		"1m30s": 90 * time.Second, "250ms": 250 * time.Millisecond, "0s": 0,
	} {
		var d quantity.Duration
		if err := json.Unmarshal([]byte(`"`+text+`"`), &d); err != nil {
			t.Fatal(err)
		}
		if d.Std() != want || d.String() != text {
			t.Errorf("%q: got %v, written as %q", text, d.Std(), d.String())
		}
	}
}

func TestDurationRefuses(t *testing.T) {
	for _, text := range []string{"", "5", "-1s", "five"} {
		var d quantity.Duration
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %v", text, d)
		}
	}
}

func TestShareReadsBackWhatItWrites(t *testing.T) {
	for text, want := range map[string]float64{"1%": 0.01, "5%": 0.05, "0.5%": 0.005, "100%": 1, "0%": 0} {
		var s quantity.Share
		if err := s.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if s.Float() != want || s.String() != text {
			t.Errorf("%q: got %v, written as %q", text, s.Float(), s.String())
		}
	}
}

func TestShareRefuses(t *testing.T) {
	for _, text := range []string{"", "1", "0.01", "101%", "-1%", "NaN%", "x%"} {
		var s quantity.Share
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %v", text, s)
		}
	}
}
