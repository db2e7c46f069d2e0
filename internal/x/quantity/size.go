package quantity

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
)

// Size is a number of bytes, written with its unit: "256MiB", "1.5GiB". Zero is
// written "none": there is no limit.
type Size int64

// None is how the absence of a limit is written.
const None = "none"

// SizeForm is what a Size looks like.
const SizeForm = `^(none|[0-9]+(\.[0-9]+)?(B|kB|KiB|MB|MiB|GB|GiB|TB|TiB))$`

var sizeForm = regexp.MustCompile(SizeForm)

// unit is a unit of bytes.
type unit struct {
	name  string
	bytes int64
}

// units returns them, the largest first.
func units() []unit {
	return []unit{
		{"TiB", 1 << 40},
		{"TB", 1e12},
		{"GiB", 1 << 30},
		{"GB", 1e9},
		{"MiB", 1 << 20},
		{"MB", 1e6},
		{"KiB", 1 << 10},
		{"kB", 1e3},
		{"B", 1},
	}
}

// Bytes returns s as a number of bytes.
func (s Size) Bytes() int64 { return int64(s) }

// String writes s in the largest unit of which it is a whole number.
func (s Size) String() string {
	if s == 0 {
		return None
	}
	all := units()
	i := slices.IndexFunc(all, func(u unit) bool { return int64(s)%u.bytes == 0 }) // B, if no other
	return strconv.FormatInt(int64(s)/all[i].bytes, 10) + all[i].name
}

// MarshalText implements encoding.TextMarshaler.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. The unit is required, so
// that 256 cannot be mistaken for megabytes.
func (s *Size) UnmarshalText(text []byte) error {
	found := sizeForm.FindSubmatch(text)
	switch {
	case found == nil:
		return fmt.Errorf("%q is not a size such as 256MiB or 1.5GiB, nor none", text)
	case string(text) == None:
		*s = 0
		return nil
	}
	all := units()
	u := all[slices.IndexFunc(all, func(u unit) bool { return u.name == string(found[3]) })] // the form knows no others
	v, ok := scaled(string(text[:len(text)-len(u.name)]), u.bytes)
	if !ok {
		return fmt.Errorf("%q is not a whole number of bytes from 1B to 8388607TiB", text)
	}
	*s = Size(v)
	return nil
}

// scaled returns a decimal number times a factor, when that is a whole number
// above zero that fits.
func scaled(number string, factor int64) (int64, bool) {
	const longest = 40 // digits; what has more takes long and is not meant
	if len(number) > longest {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, false
	}
	r.Mul(r, new(big.Rat).SetInt64(factor))
	if !r.IsInt() || !r.Num().IsInt64() || r.Sign() <= 0 {
		return 0, false
	}
	return r.Num().Int64(), true
}
