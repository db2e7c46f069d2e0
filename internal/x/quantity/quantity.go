// Package quantity holds the numbers that people write into configuration files:
// durations ("30s"), shares ("5%"), sizes ("256MiB") and cores ("0.5"). All are
// text in YAML and JSON, so a canonical JSON document shows them as they were
// meant.
package quantity

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration written as Go writes it: "1m30s".
type Duration time.Duration

// Std returns d as a time.Duration.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns the shortest form that reads back as d: "5m", not "5m0s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 500ms, 30s or 5m", text)
	}
	if v < 0 {
		return fmt.Errorf("%q is negative", text)
	}
	*d = Duration(v)
	return nil
}

// Share is a part of a whole in [0, 1], written as a percentage: "2.5%".
type Share float64

// Float returns s as a number in [0, 1].
func (s Share) Float() float64 { return float64(s) }

// String writes s as a percentage.
func (s Share) String() string {
	return strconv.FormatFloat(float64(s)*100, 'g', 12, 64) + "%"
}

// MarshalText implements encoding.TextMarshaler.
func (s Share) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. The percent sign is
// required, so that 1 cannot be mistaken for a hundred times as much.
func (s *Share) UnmarshalText(text []byte) error {
	number, found := strings.CutSuffix(strings.TrimSpace(string(text)), "%")
	if !found {
		return fmt.Errorf("%q is not a percentage such as 1%% or 0.5%%", text)
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(v >= 0 && v <= 100) {
		return fmt.Errorf("%q is not a percentage from 0%% to 100%%", text)
	}
	*s = Share(v / 100)
	return nil
}
